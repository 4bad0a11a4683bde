import { Problem } from '../base/problem.ts';
import type { PowerReport, PowerRequest } from '../controller/container-api.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { requireInstance, requireOwn } from './find-instance.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { letGo } from './until-gone.ts';
import type { Call, Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Longest wait for a start, and for a stop or a deletion, in milliseconds. */
const waitMs = { running: 900_000, stopped: 120_000 } as const;

/** `coi container start`: its manifest says that it is to run; also after what runs inside has ended it. */
export const containerStart: Verb = (call) => power(call, { to: 'running', doing: 'Starting', verb: 'start' });

/** `coi container stop`: its manifest says that it is to stand still. One that is ephemeral goes then. */
export const containerStop: Verb = (call) => {
  const force = call.options['force'] === true;
  return power(call, { to: 'stopped', force, doing: 'Stopping', verb: 'stop' });
};

/** `coi container delete`: a tombstone in place of its manifest; its rules go with it. */
export const containerDelete: Verb = async (call) => {
  const { io, options } = call;
  const { instance, sandbox } = await own(call, (name) => `delete ${name}`);
  await using api = await connect(io, 'write');
  const onlyStopped = options['force'] !== true;
  const begin = (names: readonly string[]) => api.delete({ names, by: whoCalls(io).by, onlyStopped });
  const going = { name: instance, sandbox, doing: 'Deleting', done: 'Deleted', begin };
  requireTaken({ instance, sandbox }, await letGo(api, io, going));
  return exitCodes.done;
};

interface Own {
  readonly instance: string;
  readonly sandbox: string;
}

async function own({ io, args: [name = ''] }: Call, instead: (name: string) => string): Promise<Own> {
  await using incus = await openOwnIncus(io);
  const instance = await requireInstance(incus, name, io.signal);
  return { instance: instance.name, sandbox: requireOwn(instance, instead(instance.name)) };
}

function requireTaken({ instance, sandbox }: Own, { done, message }: PowerReport): void {
  if (done) return;
  const hint = `What is so, and why: coi why ${sandbox}`;
  throw new Problem({ code: 'container.refused', message: `${instance}: ${printable(message)}`, hint });
}

interface Powering extends Pick<PowerRequest, 'to' | 'force'> {
  readonly doing: string;
  readonly verb: string;
}

async function power(call: Call, { to, force = false, doing, verb }: Powering): Promise<number> {
  const { io } = call;
  const { instance, sandbox: name } = await own(call, (each) => `${verb} ${each}${force ? ' --force' : ''}`);
  await using api = await connect(io, 'write');
  const ask = async () => {
    const report = await api.setPower({ name, by: whoCalls(io).by, to, force });
    requireTaken({ instance, sandbox: name }, report);
    const goal = to === 'running' ? to : report.isLeaving ? 'gone' : 'halted';
    return api.awaitSandbox({ name, goal, timeoutMs: waitMs[to], signal: io.signal });
  };
  const { outcome, sandbox } = await withProgress(io, `${doing} ${instance}`, ask);
  if (outcome === 'reached') return exitCodes.done;
  const why = sandbox?.conditions.find(({ type, status }) => type === 'Stalled' && status === 'True') ?? sandbox;
  throw new Problem({
    code: 'container.not-reached',
    message: `${doing} ${instance} is not done yet: ${printable(why?.message ?? 'it takes long')}`,
    hint: `It goes on as soon as it can; what is in the way: coi why ${name}`,
  });
}
