import test from 'ava';
import { statementsOf } from './statements.ts';

const patch = (message: string, diff: string, part?: number) => ({
	...{ file: 'a.patch', title: 't', author: 'A <a@example.org>', message, part, isFlowed: false },
	diff: Buffer.from(diff),
});

test('what a series says of itself are the sentences of its messages, without quotes, trailers and history', t => {
	const message = [
		'Commit 6ee7fca2a4a0 of Linux describes the attribute:',
		'> KVM: it is quoted.',
		'',
		'Choose a backend in this order:',
		'',
		'1. The event source that the user',
		'   names. It is his.',
		'2. The default.',
		'',
		'Disable PMU if no backend can be chosen.',
		'',
		'Signed-off-by: A <a@example.org>',
		'---',
		'Based-on: <x@y>',
		'Changes in v3:',
		'- Fixed a thing.',
	].join('\n');
	t.deepEqual(
		statementsOf({
			cover: 'It makes guests count.\n\nA (2):\n  target: change\n\n-- \n2.43',
			patches: [patch(message, '', 2)],
		}),
		[
			{ where: 'cover letter', text: 'It makes guests count.' },
			{ where: 'cover letter', text: 'A (2): target: change' },
			{ where: 'patch 2', text: 'Commit 6ee7fca2a4a0 of Linux describes the attribute:' },
			{ where: 'patch 2', text: 'Choose a backend in this order:' },
			{ where: 'patch 2', text: 'The event source that the user names.' },
			{ where: 'patch 2', text: 'It is his.' },
			{ where: 'patch 2', text: 'The default.' },
			{ where: 'patch 2', text: 'Disable PMU if no backend can be chosen.' },
		],
	);
});

test('sentences that are added to documentation count, those of code and of other lines do not', t => {
	const diff = [
		'diff --git a/qemu-options.hx b/qemu-options.hx',
		'--- a/qemu-options.hx',
		'+++ b/qemu-options.hx',
		'@@ -1,3 +1,7 @@',
		' An old line.',
		'+    "                pmu=n (KVM PMU event type. ARM only)\\n"',
		'+    ``pmu=n``',
		'+        Names the event source to use. The value is',
		'+        that of perf_event_open(2).',
		' Another old line.',
		'--- a/target/arm/kvm.c',
		'+++ b/target/arm/kvm.c',
		'@@ -1 +1,2 @@',
		'+/* A comment of the code. */',
	].join('\n');
	t.deepEqual(statementsOf({ cover: undefined, patches: [patch('', diff)] }), [
		{ where: 'qemu-options.hx', text: '``pmu=n`` Names the event source to use.' },
		{ where: 'qemu-options.hx', text: 'The value is that of perf_event_open(2).' },
	]);
});

test('of a message of a megabyte, some sentences are taken', t => {
	const long = 'Some words. '.repeat(100_000);
	const found = statementsOf({ cover: long, patches: [patch(`${long}\nMore words. `, `+++ b/docs/a.rst\n+${long}`)] });
	t.true(found.length > 0 && found.length <= 400);
});
