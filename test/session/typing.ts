import { ulid } from 'ulid';
import type { Desk } from './desk.ts';
import { until } from '../lab/until.ts';
import { mainProgram } from '../program.ts';

/** Shows how the command ended, and keeps the window. */
const frame = 'trap : INT TERM; "$@"; echo "[exit $?]"; exec sleep 100000';

/** What a window is opened with. */
export interface WindowOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly size?: { readonly columns: number; readonly rows: number };
}

/** A real terminal with `coi` in it, and somebody who types. */
export class Window implements AsyncDisposable {
  readonly #desk: Desk;
  readonly #server = `coi-test-${ulid()}`;

  private constructor(desk: Desk) {
    this.#desk = desk;
  }

  static async open(desk: Desk, args: readonly string[], { cwd, env = {}, size }: WindowOptions): Promise<Window> {
    const window = new Window(desk);
    const { columns = 100, rows = 30 } = size ?? {};
    const variables = Object.entries({ ...desk.controller.env, ...env }).map(([name, value]) => `${name}=${value}`);
    const command = ['sh', '-c', frame, 'sh', 'env', ...variables, process.execPath, mainProgram, ...args];
    await window.#tmux('new-session', '-d', '-s', 'w', '-x', `${columns}`, '-y', `${rows}`, '-c', cwd, ...command);
    return window;
  }

  async #tmux(...args: string[]): Promise<string> {
    return this.#desk.lab.inside.output(['tmux', '-L', this.#server, '-f', '/dev/null', ...args]);
  }

  /** Presses keys by their tmux names. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux('send-keys', '-t', 'w', ...keys);
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-t', 'w', '-l', line);
    await this.press('Enter');
  }

  screen(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-J', '-S', '-', '-t', 'w');
  }

  /** Waits until the screen shows something. The failure says what it showed. */
  async shows(wanted: RegExp, timeoutMs = 60_000): Promise<string> {
    let last = '';
    const look = async () => {
      last = await this.screen();
      return wanted.test(last) ? last : undefined;
    };
    try {
      return await until(`the terminal to show ${wanted}`, look, { timeoutMs, everyMs: 100 });
    } catch (error) {
      throw new Error(`The terminal shows:\n${last}`, { cause: error });
    }
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-t', 'w', '-x', `${columns}`, '-y', `${rows}`);
  }

  /** Process number of `coi` in it. */
  async pid(): Promise<number> {
    const [shell] = (await this.#tmux('list-panes', '-t', 'w', '-F', '#{pane_pid}')).split('\n');
    return Number((await this.#desk.lab.inside.output(['pgrep', '-P', shell ?? ''])).split('\n')[0]);
  }

  /** Closes the window: what runs in it gets SIGHUP. */
  async close(): Promise<void> {
    await this.#tmux('kill-server');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It may be closed already.
    await this.close().catch(() => undefined);
  }
}
