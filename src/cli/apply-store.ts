import { Problem } from '../base/problem.ts';
import type { ControlApi, ManifestText } from '../controller/control-api.ts';
import type { Scope } from './apply-settle.ts';
import { problemText } from './find-sandbox.ts';
import { printable } from './printable.ts';
import type { Call } from './verb.ts';
import { whoCalls } from './who.ts';

/**
 * Store manifest files in the session source of whoever calls.
 *
 * @throws {Problem} `cli.not-stored` with everything that is wrong with any of them; then none was stored
 */
export async function storeFiles(api: ControlApi, { io }: Call, files: readonly ManifestText[]): Promise<Scope> {
  const { names, problems } = await api.store({ uid: whoCalls(io).uid, files });
  if (problems.length === 0) return { kind: 'names', names };
  throw new Problem({
    code: 'cli.not-stored',
    message: `Nothing was applied:\n${problems.map((problem) => `  ${printable(problemText(problem))}`).join('\n')}`,
  });
}
