import * as v from 'valibot';

const id = v.pipe(v.string(), v.regex(/^[a-z0-9_]+:.*$/));
const origin = v.pipe(v.string(), v.regex(/^[a-z0-9_]+$/));
const text = v.pipe(v.string(), v.regex(/^[^\0]*$/));
const misc = v.record(v.string(), v.unknown());

/**
 * KCIDB's schema 5.3 (kcidb_io/schema/v05_03.py of kernelci/kcidb-io), as far as vpmu uses it: objects have no other members,
 * and none is null.
 */
export const kcidbSchema = v.strictObject({
	version: v.strictObject({ major: v.literal(5), minor: v.literal(3) }),
	checkouts: v.array(
		v.strictObject({
			...{ id, origin, tree_name: v.exactOptional(text), git_commit_name: v.exactOptional(text) },
			git_commit_hash: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/))),
			git_repository_url: v.exactOptional(v.pipe(v.string(), v.regex(/^https:\/\/[^/]+\/.+$/))),
		}),
	),
	builds: v.array(
		v.strictObject({
			id,
			origin,
			checkout_id: id,
			architecture: v.exactOptional(v.pipe(v.string(), v.regex(/^[a-z0-9_]*$/))),
		}),
	),
	tests: v.array(
		v.strictObject({
			...{ id, origin, build_id: id, path: v.pipe(v.string(), v.regex(/^[.a-zA-Z0-9_-]*$/)) },
			status: v.picklist(['FAIL', 'ERROR', 'MISS', 'PASS', 'DONE', 'SKIP']),
			start_time: v.pipe(v.string(), v.isoTimestamp()),
			duration: v.exactOptional(v.number()),
			comment: v.exactOptional(text),
			log_excerpt: v.exactOptional(v.pipe(text, v.maxLength(16_384))),
			environment: v.strictObject({ comment: text, misc }),
			misc,
		}),
	),
});
