import { ProblemList, renderProblem } from '../base/problem.ts';
import { lookAtAws } from '../host/aws/look-at-aws.ts';
import { readHomeFile } from '../host/home/read-home-file.ts';
import { bedrockSwitch, isTrue, readClaudeSettings } from '../session/bedrock/bedrock-switch.ts';
import { judgeBedrock } from '../session/bedrock/judge-bedrock.ts';
import { ownerOf } from '../session/save/owner.ts';
import { homeOf } from '../source/homes.ts';
import type { Io } from './io.ts';
import { printableLines } from './printable.ts';
import { withProgress } from './progress.ts';
import type { AskedSession } from './session-request.ts';

/** Variables by which Claude Code needs no login of AWS: a key of Bedrock's own, and a gateway that logs in by itself. */
const loginElsewhere = { key: 'AWS_BEARER_TOKEN_BEDROCK', gateway: 'CLAUDE_CODE_SKIP_BEDROCK_AUTH' };

/** Variables of AWS that mean something on this host only. */
const ofHost = new Set(['AWS_PAGER', 'AWS_CA_BUNDLE']);

/**
 * Before a session of Claude Code: where it is to use Amazon Bedrock, see that it will get there. Warnings go to stderr.
 *
 * @param passwd where homes are looked up, see passwd(5)
 * @throws {ProblemList} everything that is in the way, each with what to do
 */
export async function requireBedrock(io: Io, { sandbox, request }: AskedSession, passwd?: string): Promise<void> {
  const { environment = {}, uid } = request;
  const file = await readHomeFile({ uid, home: await homeOf(uid, passwd) }, '.claude/settings.json');
  const settings = readClaudeSettings(file.kind === 'file' ? file.content.toString('utf8') : undefined);
  const by = bedrockSwitch({ settings, environment });
  const all = { ...environment, ...settings.env };
  if (by === undefined || all[loginElsewhere.key] || isTrue(all[loginElsewhere.gateway])) return;
  const variables = Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith('AWS_')));
  const owner = await ownerOf(uid, passwd);
  const look = { owner, env: io.env, variables, signal: io.signal };
  const found = await withProgress(io, 'Checking the login to AWS', () => lookAtAws(look));
  const given = Object.keys(variables);
  const { errors, warnings } = judgeBedrock(found, {
    ownerHome: owner.home,
    guestHome: `/home/${sandbox.codeUser.name}`,
    mounted: Object.keys(sandbox.mounts ?? {}),
    given,
    keptBack: Object.keys(io.env).filter((name) => isKeptBack(name) && !given.includes(name)),
  });
  for (const warning of warnings) io.stderr.write(`coi: warning: ${printableLines(renderProblem(warning))}\n`);
  if (errors.length === 0) return;
  io.stderr.write(`coi: claude is to use Amazon Bedrock, by ${by}, and cannot:\n`);
  throw new ProblemList(errors);
}

function isKeptBack(name: string): boolean {
  return name.startsWith('AWS_') && !ofHost.has(name);
}
