import { Problem } from '../base/problem.ts';
import type { ControlApi, StatusReport, VerbReport } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import { isSessionName } from '../spec/names.ts';
import { checkPrefix } from '../spec/session-names.ts';
import { confirm } from './confirm.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { UsageProblem } from './usage.ts';
import type { Call, Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Flags of `coi kill`. */
interface KillOptions {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly format?: string;
}

/** Longest wait for one to be gone, in milliseconds. */
const goneMs = 120_000;

/** `coi kill`: containers of sessions go at once, with everything inside. */
export const kill: Verb = async (call) => {
  const { io, args } = call;
  const { all = false, force = false } = call.options as KillOptions;
  requireMeaning(all, args);
  await using api = await connect(io, 'write');
  const status = await api.status();
  const names = all ? sessionsOf(status, checkPrefix(io.env['COI_CONTAINER_PREFIX'])) : args;
  if (names.length === 0) return show(call, []);
  const isMeant = force || (!all && names.length === 1) || (await askFor(call, names));
  if (!isMeant) return exitCodes.done;
  const reports: VerbReport[] = [];
  for (const name of names) reports.push(await killOne(api, call, { name, found: findOf(status, name) }));
  return show(call, reports);
};

function requireMeaning(all: boolean, names: readonly string[]): void {
  if (all && names.length > 0) throw new UsageProblem('kill takes either names or --all', 'Example: coi kill --all');
  if (!all && names.length === 0) throw nothingNamed();
}

async function askFor({ io }: Call, names: readonly string[]): Promise<boolean> {
  const isMeant = await confirm(io, `Kill ${plural(names.length, 'container')}: ${names.map(printable).join(', ')}?`);
  if (!isMeant) io.stderr.write('Cancelled\n');
  return isMeant;
}

/** A failure and no wrong use, as scripts know it. */
function nothingNamed(): Problem {
  return new Problem({
    code: 'cli.nothing-named',
    message: 'kill needs the name of a container, or --all',
    hint: 'See them with: coi list',
  });
}

function sessionsOf({ sandboxes }: StatusReport, prefix: string): string[] {
  return sandboxes
    .filter(({ name, instance }) => isSessionName(name) && instance.startsWith(prefix))
    .map(({ instance }) => instance);
}

function findOf({ sandboxes }: StatusReport, name: string): SandboxReport | undefined {
  return sandboxes.find((each) => each.instance === name) ?? sandboxes.find((each) => each.name === name);
}

interface Target {
  /** As it was given. */
  readonly name: string;
  readonly found: SandboxReport | undefined;
}

async function killOne(api: ControlApi, { io }: Call, { name, found }: Target): Promise<VerbReport> {
  if (!found) return { name, done: false, message: 'There is no such container of coi' };
  const [report] = await api.delete({ names: [found.name], by: whoCalls(io).by });
  if (!report?.done) return { name, done: false, message: report?.message ?? 'Nobody knows it any more' };
  const wait = { name: found.name, goal: 'gone', timeoutMs: goneMs, signal: io.signal } as const;
  const { outcome, sandbox } = await withProgress(io, `Killing ${name}`, () => api.awaitSandbox(wait));
  if (outcome === 'reached') return { name, done: true, message: 'Killed' };
  return { name, done: false, message: `It is not gone yet: ${sandbox?.message ?? 'it takes long'}` };
}

/** One that was killed is enough for success: the others may have been gone before. */
function show({ io, options }: Call, reports: readonly VerbReport[]): number {
  if ((options as KillOptions).format === 'json') io.stdout.write(jsonText(reports));
  else if (reports.length === 0) io.stdout.write('There are no containers to kill\n');
  else for (const report of reports) showOne(io, report);
  return reports.length === 0 || reports.some(({ done }) => done) ? exitCodes.done : exitCodes.failed;
}

function showOne(io: Call['io'], { name, done, message }: VerbReport): void {
  const line = `${printable(name)}: ${printable(message)}\n`;
  if (done) io.stdout.write(line);
  else io.stderr.write(`coi: ${line}`);
}
