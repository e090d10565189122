import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A fake Debian mirror on the loopback interface, for faults that a real one does not produce on demand. */
export interface FakeMirror extends AsyncDisposable {
	readonly uri: string;
	/** Requested paths. */
	readonly requests: readonly string[];
}

/** @param answer sends the answer for a path, or returns `false` for 404 */
export async function startFakeMirror(
	answer: (path: string, response: ServerResponse) => Promise<boolean> | boolean,
): Promise<FakeMirror> {
	const requests: string[] = [];
	const server = createServer(async (request, response) => {
		const asked = request.url ?? '/';
		requests.push(asked);
		try {
			if (!(await answer(asked, response))) response.writeHead(404).end();
		} catch {
			response.destroy();
		}
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	return {
		uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`,
		requests,
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			await new Promise(resolve => server.close(resolve));
		},
	};
}
