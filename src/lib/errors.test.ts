import test from 'ava';
import { firstCause } from './errors.ts';

test('the error that came first is found below the errors of disposal', async t => {
	const fail = async () => {
		await using stack = new AsyncDisposableStack();
		for (const place of ['inner', 'outer']) {
			stack.defer(() => {
				throw new Error(place);
			});
		}
		throw new Error('first');
	};
	const error = await t.throwsAsync(fail());
	t.true(error instanceof SuppressedError);
	t.is((firstCause(error) as Error).message, 'first');
	t.is(firstCause('text'), 'text');
});
