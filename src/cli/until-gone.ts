import type { ControlApi, VerbReport } from '../controller/control-api.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';

/** Longest wait for one to be gone, in milliseconds. */
const goneMs = 120_000;

/** What is to go. */
export interface Going {
  /** As it was given. */
  readonly name: string;
  readonly sandbox: string;
  /** What is being done, as in `Killing`, and what it is called when it was. */
  readonly doing: string;
  readonly done: string;
  /** Milliseconds that it may take besides. */
  readonly graceMs?: number;
  /** Begins it. */
  readonly begin: (names: readonly [string]) => Promise<readonly VerbReport[]>;
}

/** Make a sandbox go, and wait until nothing of it is left. */
export async function letGo(api: ControlApi, io: Io, going: Going): Promise<VerbReport> {
  const { name, sandbox: sandboxName, doing, done, graceMs = 0 } = going;
  const what = `${doing} ${name}`;
  const [report] = await withProgress(io, what, () => going.begin([sandboxName]));
  if (!report?.done) return { name, done: false, message: report?.message ?? 'Nobody knows it any more' };
  const wait = { name: sandboxName, goal: 'gone', timeoutMs: goneMs + graceMs, signal: io.signal } as const;
  const { outcome, sandbox } = await withProgress(io, what, () => api.awaitSandbox(wait));
  if (outcome === 'reached') return { name, done: true, message: done };
  return { name, done: false, message: `It is not gone yet: ${sandbox?.message ?? 'it takes long'}` };
}
