import { Problem } from '../base/problem.ts';
import { renderDuration } from '../base/units.ts';
import type { ControlApi, StatusReport } from '../controller/control-api.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';

/** What is waited for. */
export interface Goal {
  /** For the line that shows progress: `Waiting until …`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** What is still missing, one text each; nothing ends the wait. */
  readonly missing: (report: StatusReport) => readonly string[];
  /** What can only be put right by a person; anything ends the wait, with a failure. */
  readonly hopeless: (report: StatusReport) => readonly string[];
}

const askEveryMs = 250;

/** How long to wait unless `--timeout` says otherwise. */
export const usualTimeoutMs = 300_000;

/**
 * Ask until nothing is missing. Without a controller this process does the work itself, a pass each time.
 *
 * @throws {Problem} `cli.hopeless` when somebody has to change something first
 * @throws {Problem} `cli.timeout` when the time is up; what was begun goes on
 */
export function awaitStatus(api: ControlApi, io: Io, goal: Goal): Promise<StatusReport> {
  return withProgress(io, goal.what, () => askUntil(api, io, goal));
}

async function askUntil(api: ControlApi, io: Io, goal: Goal): Promise<StatusReport> {
  const deadline = io.clock.monotonic() + goal.timeoutMs;
  for (;;) {
    const report = await api.status();
    const missing = goal.missing(report);
    if (missing.length === 0) return report;
    const hopeless = goal.hopeless(report);
    if (hopeless.length > 0) throw stopped('cli.hopeless', 'This needs a person', hopeless);
    const left = deadline - io.clock.monotonic();
    if (left <= 0) throw stopped('cli.timeout', `Not done after ${renderDuration(goal.timeoutMs)}`, missing);
    await io.clock.sleep(Math.min(askEveryMs, left), io.signal);
    if (report.host.controller === 'in-process') await api.reconcile();
  }
}

function stopped(code: string, what: string, texts: readonly string[]): Problem {
  return new Problem({
    code,
    message: [`${what}:`, ...texts.map((text) => `  ${printable(text)}`)].join('\n'),
    hint: 'More about one of them: coi why NAME',
  });
}
