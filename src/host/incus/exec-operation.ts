import { z } from 'zod';
import type { Api } from './api.ts';
import { silenceError } from './classify.ts';
import { IncusError } from './errors.ts';
import type { ExecSocket } from './exec-socket.ts';
import type { StartedOperation } from './operation.ts';
import type { Operations } from './operations.ts';

/** A program that is to run, and how. */
export interface ExecRequest {
  /** Name of the instance. */
  readonly name: string;
  readonly argv: readonly string[];
  /** Incus silently takes another directory when this one is not there. */
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** A terminal for it, with the environment that it starts with; plain streams unless given. */
  readonly terminal?: {
    readonly columns: number;
    readonly rows: number;
    readonly environment: Readonly<Record<string, string>>;
  };
  readonly signal?: AbortSignal;
}

/** What was tried, for messages: names the program alone, because arguments may be secret. */
export function whatOf(name: string, argv: readonly string[]): string {
  return `run ${JSON.stringify(argv[0] ?? '')} in instance "${name}"`;
}

/** Have Incus wait for the streams of a program, and start it when they are there. */
export async function beginExec(
  api: Api,
  what: string,
  { name, argv, cwd, uid, gid, terminal, signal }: ExecRequest,
): Promise<StartedOperation> {
  return api.begin({
    method: 'POST',
    route: '/1.0/instances/{name}/exec',
    what,
    params: { name },
    json: {
      command: argv,
      interactive: terminal !== undefined,
      ...(terminal && { width: terminal.columns, height: terminal.rows, environment: terminal.environment }),
      'wait-for-websocket': true,
      'record-output': false,
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { user: uid }),
      ...(gid === undefined ? {} : { group: gid }),
    },
    ...(signal === undefined ? {} : { signal }),
  });
}

const fdsSchema = z.object({ '0': z.string(), '1': z.string(), '2': z.string(), control: z.string() });

/** What each stream is asked for by. @throws {IncusError} `unknown-outcome` when Incus gave none */
export function secretsOf({ operation, what }: StartedOperation): z.infer<typeof fdsSchema> {
  const fds = fdsSchema.safeParse(operation.metadata['fds']);
  if (fds.success) return fds.data;
  throw new IncusError({ class: 'unknown-outcome', what, text: 'Incus gave no streams', cause: fds.error });
}

const terminalFdsSchema = z.object({ '0': z.string(), control: z.string() });

/** The same for a program with a terminal, which has one stream in both directions. */
export function terminalSecretsOf({ operation, what }: StartedOperation): z.infer<typeof terminalFdsSchema> {
  const fds = terminalFdsSchema.safeParse(operation.metadata['fds']);
  if (fds.success) return fds.data;
  throw new IncusError({ class: 'unknown-outcome', what, text: 'Incus gave no terminal', cause: fds.error });
}

/** Wait until all streams are connected, which is when the program starts. */
export async function allOpened(api: Api, what: string, streams: readonly ExecSocket[]): Promise<void> {
  try {
    await Promise.all(streams.map(({ opened }) => opened));
  } catch (cause) {
    throw silenceError({ what, socketPath: api.transport.socketPath, isWrite: true, cause });
  }
}

/** How a program ended. */
export interface ExecEnd {
  readonly exitCode: number;
  /** Why it could not be run at all. */
  readonly refusal?: string;
}

/** Wait for the end of a program. @throws {IncusError} `unknown-outcome` when nobody knows how it ended */
export async function exitCodeOf(
  operations: Operations,
  started: StartedOperation,
  signal: AbortSignal,
): Promise<ExecEnd> {
  const outcome = await operations.wait(started, { signal, timeoutMs: 2 ** 31 });
  if (outcome.kind === 'unknown') {
    const text = 'Incus no longer knows how it ended';
    throw new IncusError({ class: 'unknown-outcome', what: started.what, text });
  }
  if (outcome.kind === 'success') return { exitCode: Number(outcome.metadata['return']) };
  // A program that cannot be run fails the operation, but shells have exit codes for it.
  const { text } = outcome.error;
  if (/^Command not (found|executable)/.test(text)) {
    return { exitCode: text.startsWith('Command not found') ? 127 : 126, refusal: `${text}\n` };
  }
  throw outcome.error;
}
