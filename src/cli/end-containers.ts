import { Problem } from '../base/problem.ts';
import type { ControlApi, StatusReport, VerbReport } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import { isSessionName } from '../spec/names.ts';
import { confirm } from './confirm.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { ownPrefix } from './own-prefix.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Call } from './verb.ts';

/** Flags of commands for containers of sessions by name. */
export interface ContainerOptions {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly format?: string;
}

/** A container that was named. */
export interface Target {
  /** As it was given. */
  readonly name: string;
  readonly found: SandboxReport;
}

/** What a command does to containers. */
export interface ContainerCommand {
  /** Its name, as in `kill`. */
  readonly verb: string;
  /** The names that it means where none are given; a failure unless there is such a thing. */
  readonly usual?: (status: StatusReport) => readonly string[];
  readonly act: (api: ControlApi, io: Io, target: Target) => Promise<VerbReport>;
}

/** Do something to containers of sessions, by name or to all of them; asks before it does it to several. */
export async function forContainers(call: Call, command: ContainerCommand): Promise<number> {
  const { io } = call;
  const { all = false, force = false } = call.options as ContainerOptions;
  requireMeaning(command, all, call.args);
  await using api = await connect(io, 'write');
  const status = await api.status();
  const names = namesFor(call, command, status);
  const needsAsking = !force && (all || names.length > 1) && names.length > 0;
  if (needsAsking && !(await askFor(io, command, names))) return exitCodes.done;
  const reports: VerbReport[] = [];
  for (const name of names) {
    const found = findContainer(status, name);
    const none = { name, done: false, message: 'There is no such container of coi' };
    reports.push(found ? { ...(await command.act(api, io, { name, found })), name } : none);
  }
  return show(call, command, reports);
}

function namesFor({ io, args, options }: Call, { usual }: ContainerCommand, status: StatusReport): readonly string[] {
  if ((options as ContainerOptions).all) return sessionsIn(status, io);
  return args.length > 0 ? args : (usual?.(status) ?? []);
}

/** The sandbox with an instance of this name, or of this name itself. */
export function findContainer({ sandboxes }: StatusReport, name: string): SandboxReport | undefined {
  return sandboxes.find((each) => each.instance === name) ?? sandboxes.find((each) => each.name === name);
}

/** Names of the containers of all sessions with the prefix of this caller. */
export function sessionsIn({ sandboxes }: StatusReport, io: Io): string[] {
  const isOwn = ownPrefix(io);
  return sandboxes.filter((each) => isSessionName(each.name) && isOwn(each)).map(({ instance }) => instance);
}

function requireMeaning({ verb, usual }: ContainerCommand, all: boolean, names: readonly string[]): void {
  if (all && names.length > 0)
    throw new UsageProblem(`${verb} takes either names or --all`, `Example: coi ${verb} --all`);
  if (all || names.length > 0 || usual) return;
  // A failure and no wrong use, as scripts know it.
  throw new Problem({
    code: 'cli.nothing-named',
    message: `${verb} needs the name of a container, or --all`,
    hint: 'See them with: coi list',
  });
}

async function askFor(io: Io, { verb }: ContainerCommand, names: readonly string[]): Promise<boolean> {
  const word = `${verb[0]?.toUpperCase()}${verb.slice(1)}`;
  const isMeant = await confirm(
    io,
    `${word} ${plural(names.length, 'container')}: ${names.map(printable).join(', ')}?`,
  );
  if (!isMeant) io.stderr.write('Cancelled\n');
  return isMeant;
}

/** One that it was done to is enough for success: the others may have been gone before. */
function show({ io, options }: Call, { verb }: ContainerCommand, reports: readonly VerbReport[]): number {
  const isAll = (options as ContainerOptions).all === true;
  if ((options as ContainerOptions).format === 'json') io.stdout.write(jsonText(reports));
  else if (reports.length === 0) io.stdout.write(`There are no containers to ${verb}\n`);
  else for (const report of reports) showOne(io, report);
  const isDone = reports.some(({ done }) => done) || (reports.length === 0 && isAll);
  return isDone ? exitCodes.done : exitCodes.failed;
}

function showOne(io: Io, { name, done, message }: VerbReport): void {
  const line = `${printable(name)}: ${printable(message)}\n`;
  if (done) io.stdout.write(line);
  else io.stderr.write(`coi: ${line}`);
}
