import { Problem } from '../base/problem.ts';
import type { PowerReport } from '../controller/container-api.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { SandboxGoal } from '../controller/session-api.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { openOwnIncus, requireInstance, requireOwn } from './find-instance.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { letGo } from './until-gone.ts';
import type { Call, Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Longest wait for a start, and for a stop or a deletion, in milliseconds. */
const waitMs = { running: 900_000, stopped: 120_000 } as const;

/** `coi container start`: its manifest says that it is to run; also after what runs inside has ended it. */
export const containerStart: Verb = async (call) => {
  const { instance, sandbox } = await own(call, (name) => `start ${name}`);
  await using api = await connect(call.io, 'write');
  const report = await api.setPower({ name: sandbox, by: whoCalls(call.io).by, to: 'running' });
  requireTaken(instance, report);
  await reach(api, call.io, { instance, sandbox, goal: 'running', doing: 'Starting' });
  return exitCodes.done;
};

/** `coi container stop`: its manifest says that it is to stand still. One that is ephemeral goes then. */
export const containerStop: Verb = async (call) => {
  const force = call.options['force'] === true;
  const { instance, sandbox } = await own(call, (name) => `stop ${name}${force ? ' --force' : ''}`);
  await using api = await connect(call.io, 'write');
  const report = await api.setPower({ name: sandbox, by: whoCalls(call.io).by, to: 'stopped', force });
  requireTaken(instance, report);
  const goal = report.isLeaving ? 'gone' : 'halted';
  await reach(api, call.io, { instance, sandbox, goal, doing: 'Stopping' });
  return exitCodes.done;
};

/** `coi container delete`: a tombstone in place of its manifest; its rules go with it. */
export const containerDelete: Verb = async (call) => {
  const { io, options } = call;
  const { instance, sandbox } = await own(call, (name) => `delete ${name}`);
  await using api = await connect(io, 'write');
  const onlyStopped = options['force'] !== true;
  const begin = (names: readonly string[]) => api.delete({ names, by: whoCalls(io).by, onlyStopped });
  requireTaken(instance, await letGo(api, io, { name: instance, sandbox, doing: 'Deleting', done: 'Deleted', begin }));
  return exitCodes.done;
};

async function own({ io, args: [name = ''] }: Call, instead: (name: string) => string) {
  await using incus = await openOwnIncus(io);
  const instance = await requireInstance(incus, name, io.signal);
  return { instance: instance.name, sandbox: requireOwn(instance, instead(instance.name)) };
}

function requireTaken(instance: string, { done, message }: PowerReport): void {
  if (done) return;
  throw new Problem({ code: 'container.refused', message: `${instance}: ${printable(message)}` });
}

interface Reaching {
  readonly instance: string;
  readonly sandbox: string;
  readonly goal: Extract<SandboxGoal, 'running' | 'halted' | 'gone'>;
  readonly doing: string;
}

async function reach(api: ControlApi, io: Io, { instance, sandbox: name, goal, doing }: Reaching): Promise<void> {
  const timeoutMs = waitMs[goal === 'running' ? 'running' : 'stopped'];
  const wait = () => api.awaitSandbox({ name, goal, timeoutMs, signal: io.signal });
  const { outcome, sandbox } = await withProgress(io, `${doing} ${instance}`, wait);
  if (outcome === 'reached') return;
  const why = sandbox?.conditions.find(({ type, status }) => type === 'Stalled' && status === 'True') ?? sandbox;
  throw new Problem({
    code: 'container.not-reached',
    message: `${doing} ${instance} is not done yet: ${printable(why?.message ?? 'it takes long')}`,
    hint: `It goes on as soon as it can; what is in the way: coi why ${name}`,
  });
}
