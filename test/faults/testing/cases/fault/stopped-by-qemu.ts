import path from 'node:path';
import { pmuTest } from '../../../../../harness/test.ts';
import { connectQmp } from '../../../../../src/qmp/index.ts';

pmuTest('a second QMP client stops the machine while it counts', { accel: ['tcg'] }, async (_t, cell) => {
	await using folder = await cell.host.makeFolder();
	const socket = path.join(folder.path, 'qmp');
	const guest = await cell.boot({ spec: { extra: ['-qmp', `unix:${socket},server=on,wait=off`] } });
	await using stranger = await connectQmp(socket);
	setTimeout(() => void stranger.execute('stop'), 500);
	await guest.count(['cycles'], { iterations: 1_000_000_000 });
});
