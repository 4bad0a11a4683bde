import type { Readable } from 'node:stream';
import { systemClock, type Clock } from '../base/clock.ts';

/** Where text goes. */
export interface Output {
  write(text: string): unknown;
  /** Bytes as they are. Resolves when they were handed on, so that whoever reads slowly holds up whoever writes. */
  pass(bytes: Uint8Array): Promise<void>;
  readonly isTTY: boolean;
  /** Width of the terminal in characters; 80 where there is none. */
  readonly columns: number;
}

/** The terminal that a command was typed into. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** Whether every key comes as it is, Ctrl-C too. */
  setRaw(isRaw: boolean): void;
  /** Be told when its size changes, until disposed of. */
  onResize(listener: () => void): Disposable;
}

/** Everything a command uses of the process it runs in. */
export interface Io {
  readonly stdin: Readable;
  /** Results. */
  readonly stdout: Output;
  /** Progress and errors. */
  readonly stderr: Output;
  /** Where both ends are one; undefined where input or output is something else. */
  readonly terminal: Terminal | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Directory that relative paths start from. */
  readonly cwd: string;
  /** Aborts on SIGINT and SIGTERM, with an {@link Interrupted}. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Warnings that `stderr` has: none is shown twice. Without it all are shown. */
  readonly warned?: Set<string>;
}

/** Why a command was ended before it was done. */
export class Interrupted extends Error {
  /** What a shell reports for a program that the signal ended: 128 and its number. */
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`ended by ${signal}`);
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

/** The process itself. */
export function processIo(signal: AbortSignal): Io {
  return {
    get stdin() {
      return process.stdin;
    },
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    terminal: process.stdin.isTTY && process.stdout.isTTY ? terminalOf(process.stdin, process.stdout) : undefined,
    env: process.env,
    cwd: process.cwd(),
    signal,
    clock: systemClock,
    warned: new Set(),
  };
}

function terminalOf(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Terminal {
  return {
    get columns() {
      return output.columns;
    },
    get rows() {
      return output.rows;
    },
    setRaw: (isRaw) => void input.setRawMode(isRaw),
    onResize: (listener) => {
      output.on('resize', listener);
      return { [Symbol.dispose]: () => void output.off('resize', listener) };
    },
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => stream.write(text),
    pass: (bytes) => new Promise((resolve) => stream.write(bytes, () => resolve())),
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns || 80;
    },
  };
}
