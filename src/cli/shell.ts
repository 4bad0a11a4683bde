import { randomUUID } from 'node:crypto';
import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { SessionOpened } from '../controller/session-api.ts';
import type { Sandbox, SessionPart } from '../spec/sandbox.ts';
import { attachNamed } from './attach-named.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { requireTerminal } from './inside-terminal.ts';
import type { Io } from './io.ts';
import { discardSession, endShown, savedWhere } from './session-end.ts';
import type { SessionOptions } from './session-flags.ts';
import { askForSession, type AskedSession } from './session-request.ts';
import { noteSlot, untilStarted } from './session-start.ts';
import { refuseBeside } from './shell-container.ts';
import { showStart, type ShellMode, type ShellStart } from './shell-summary.ts';
import type { Verb } from './verb.ts';

/** Flags of `coi shell`. */
export interface ShellOptions extends SessionOptions {
  readonly debug?: boolean;
  readonly background?: boolean;
  readonly tmux?: boolean;
  readonly container?: string;
  /** Id of a saved session; `auto` without one. */
  readonly resume?: string;
  readonly continue?: string;
}

/**
 * `coi shell`: an agent in a container with the project, in this terminal. What it declares stays when this process ends,
 * however that comes: the controller starts the agent, keeps it, and clears up behind it.
 */
export const shell: Verb = async (call) => {
  const { io, args } = call;
  const options = call.options as ShellOptions;
  if (args[0] !== undefined) throw noWords(args[0]);
  if (options.container !== undefined) refuseBeside(options);
  const mode: ShellMode = options.background ? 'background' : options.tmux === false ? 'direct' : 'tmux';
  if (mode !== 'background') requireTerminal(io, 'To start it without one: coi shell --background');
  if (options.container !== undefined) return attachNamed(io, options.container);
  const asked = await askFor(io, options, mode);
  if (asked.sandbox.tool.name === 'claude') await (await import('./require-bedrock.ts')).requireBedrock(io, asked);
  const saved = savedWhere(io, asked.sandbox.tool.name);
  const shown = await openAndStart(io, asked, mode);
  if (!shown) return exitCodes.done;
  const { opened } = shown;
  const { showAgent, awaitAgent } = await import('./show-agent.ts');
  if (mode === 'background') {
    await awaitAgent(io, shown);
    return backgroundHints(io, opened);
  }
  const end = await showAgent(io, shown);
  return endShown(io, { ...opened, isKept: asked.sandbox.persistent, ...saved, ...end });
};

/** Undefined when it was called off. Whoever answers is let go: without a controller nobody else could do its work meanwhile. */
async function openAndStart(io: Io, asked: AskedSession, wanted: ShellMode): Promise<ShellStart | undefined> {
  // A signal ends what is shown; what is asked of the controller afterwards must still get through.
  await using api = await connect({ ...io, signal: new AbortController().signal }, 'write');
  const opened = await api.openSession(asked.request);
  noteSlot(io, asked, opened);
  const mode = opened.isDirect ? inTerminal(opened, wanted) : wanted;
  const shown = { asked, opened, mode };
  showStart(io, shown);
  if (!(await start(api, io, shown))) return undefined;
  await untilBack(api, io, shown);
  return shown;
}

/** Nobody else starts the agent of a session that was opened without tmux. */
function inTerminal({ instance }: SessionOpened, wanted: ShellMode): ShellMode {
  if (wanted !== 'background') return 'direct';
  throw new Problem({
    code: 'session.direct',
    message: `The session in ${instance} was opened without tmux: its agent runs in a terminal only`,
    hint: 'Go on with it in a terminal: coi shell --tmux=false --resume',
  });
}

/** How often an agent that is joined is asked for while its last end is not known yet, and the wait between, in milliseconds. */
const backTries = { count: 5, waitMs: 1_000 };

/** The agent of a session that is joined may have ended a moment ago: then it is asked for once more. */
async function untilBack(api: ControlApi, io: Io, shown: ShellStart): Promise<void> {
  const { asked, opened, mode } = shown;
  if (!opened.isJoined || mode === 'direct') return;
  const { isThere } = await import('./show-agent.ts');
  for (let left = backTries.count; left > 0 && !(await isThere(io, shown)); left -= 1) {
    await io.clock.sleep(backTries.waitMs, io.signal);
    await api.openSession({ ...asked.request, slot: opened.slot });
    await start(api, io, shown);
  }
}

function noWords(word: string): Problem {
  return new Problem({
    code: 'cli.usage',
    message: `shell takes no words, and "${word.slice(0, 80)}" is one`,
    hint: `To go on with a saved session: coi shell --resume=${word.slice(0, 80)}`,
  });
}

async function askFor(io: Io, options: ShellOptions, mode: ShellMode): Promise<AskedSession> {
  const own = Object.fromEntries(options.env ?? []);
  const isDummy = (own['COI_USE_DUMMY'] ?? io.env['COI_USE_DUMMY']) === '1';
  const how = { ...(mode === 'direct' && { direct: true as const }), ...(options.debug && { debug: true as const }) };
  const part: SessionPart = { id: randomUUID(), ...how };
  const environment = io.env['TERM'] ? { TERM: io.env['TERM'] } : {};
  const adjust = (sandbox: Sandbox) => forShell(sandbox, { part, isDummy });
  const id = options.continue ?? options.resume;
  const resumed = id === undefined ? {} : { resumed: (await import('./resume-session.ts')).resuming(io, id) };
  return askForSession(io, options, { adjust, agent: true, environment, ...resumed });
}

interface Adjustment {
  readonly part: SessionPart;
  readonly isDummy: boolean;
}

function forShell({ prompt: _prompt, ...sandbox }: Sandbox, { part, isDummy }: Adjustment): Sandbox {
  const { tool } = sandbox;
  const chosen = isDummy && tool.name ? { ...tool, binary: 'dummy' } : tool;
  return { ...sandbox, tool: chosen, state: 'running', restart: 'never', session: part };
}

/** False when it was called off; then nothing of it is left, as when it cannot be started. */
async function start(api: ControlApi, io: Io, shown: ShellStart): Promise<boolean> {
  const { asked, opened, mode } = shown;
  const goal = mode === 'direct' ? 'running' : 'agent';
  try {
    const found = await untilStarted(api, io, { opened, goal });
    if (mode !== 'direct' && found) await (await import('./show-agent.ts')).requireAgent(io, shown, found.agent);
    return true;
  } catch (error) {
    if (!opened.isReused) await discardSession(io, api, { ...opened, by: asked.request.by });
    if (!io.signal.aborted) throw error;
    return false;
  }
}

function backgroundHints({ stdout }: Io, { instance }: SessionOpened): number {
  stdout.write(`${instance}\n  Container name: ${instance}\n`);
  stdout.write(`  Join it: coi attach ${instance}\n  End it: coi shutdown ${instance}\n`);
  return exitCodes.done;
}
