import { destination, pino, type DestinationStream, type Logger } from 'pino';
import { messageOf, Problem, ProblemList } from '../base/problem.ts';
import { formatLine } from './format.ts';
import { secretPaths } from './secrets.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * The log. Messages are constant; what varies goes into fields, by the same names everywhere: `sandbox`, `step`,
 * `problem`, `durationMs`, `key`, `source`, `reconcileId`.
 */
export type Log = Logger;

/** Where and how to log. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Standard output or error. */
  readonly stream: { readonly fd: number; readonly isTTY?: boolean };
  /** Lines for people instead of JSON; unless given, when the stream is a terminal. */
  readonly human?: boolean;
  /** Colours in lines for people. */
  readonly colour?: boolean;
}

/** A log that writes each line before it goes on, so that the last words before a crash are there. */
export function openLog({ level, stream, human = stream.isTTY === true, colour = false }: LogOptions): Log {
  const out = destination({ fd: stream.fd, sync: true });
  const sink: DestinationStream = human ? { write: (line) => void out.write(formatLine(line, { colour })) } : out;
  return pino(
    {
      level,
      base: null,
      redact: { paths: [...secretPaths], censor: '[redacted]' },
      serializers: { problem: problemFields, err: problemFields },
    },
    sink,
  );
}

/**
 * The level that the environment or the settings ask for; `COI_LOG_LEVEL` wins.
 *
 * @throws {Problem} `log.level` when the variable names none
 */
export function logLevelFrom(env: NodeJS.ProcessEnv, setting: LogLevel = 'info'): LogLevel {
  const text = env['COI_LOG_LEVEL'];
  if (!text) return setting;
  const known = logLevels.find((level) => level === text.toLowerCase());
  if (known) return known;
  throw new Problem({
    code: 'log.level',
    message: `COI_LOG_LEVEL is "${text}", which is no level`,
    hint: `Use one of ${logLevels.join(', ')}`,
  });
}

/** A failure as fields. Only a defect of coi carries its stack: a Problem explains itself. */
function problemFields(error: unknown): Record<string, unknown> {
  if (error instanceof ProblemList) return { code: error.code, problems: error.problems.map(problemFields) };
  if (error instanceof Problem) {
    const { code, message, hint, retry, position, cause } = error;
    return { code, message, hint, retry, position, ...(cause === undefined ? {} : { cause: messageOf(cause) }) };
  }
  return error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) };
}
