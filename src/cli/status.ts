import type { LookApi, StatusReport } from '../controller/control-api.ts';
import { connect } from './connect.ts';
import { requireSandbox } from './find-sandbox.ts';
import type { Io } from './io.ts';
import { jsonLine, jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import { renderSandbox } from './render-sandbox.ts';
import { renderStatus, type View } from './render-status.ts';
import { sortStatus } from './sort-status.ts';
import { isAnimated, painter } from './style.ts';
import type { Verb } from './verb.ts';

const watchEveryMs = 1_000;

/** `coi status` */
export const status: Verb = async ({ io, args: [name], options }) => {
  await using api = await connect(io, 'read');
  const isJson = options['format'] === 'json';
  if (options['watch'] === true) return watch(api, io, { name, isJson });
  io.stdout.write(render(await ask(api, io), io, { name, isJson }));
  return 0;
};

interface Wanted {
  readonly name: string | undefined;
  readonly isJson: boolean;
}

async function ask(api: LookApi, io: Io): Promise<StatusReport> {
  return sortStatus(await withProgress(io, 'Asking for the state of everything', () => api.status()));
}

/** Goes on until the signal aborts: on a terminal one picture that changes, elsewhere a new one whenever something did. */
async function watch(api: LookApi, io: Io, wanted: Wanted): Promise<number> {
  let before: string | undefined;
  for (;;) {
    const report = await ask(api, io);
    const news = JSON.stringify(wanted.name === undefined ? withoutTimes(report) : requireSandbox(report, wanted.name));
    if (isAnimated(io.stdout, io) && !wanted.isJson) io.stdout.write(`\u001B[H\u001B[J${render(report, io, wanted)}`);
    else if (news !== before)
      io.stdout.write(wanted.isJson ? jsonLine(subject(report, wanted)) : `${render(report, io, wanted)}\n`);
    before = news;
    await io.clock.sleep(watchEveryMs, io.signal);
  }
}

/** What tells two pictures apart: not when somebody last looked. */
function withoutTimes({ sandboxes, sources, images, host }: StatusReport): unknown {
  return {
    images: images.map(({ next_look_at: _next, ...rest }) => rest),
    sandboxes: sandboxes.map(({ looked_at: _looked, next_look_at: _next, ...rest }) => rest),
    sources: sources.map(({ read_at: _read, complete_at: _complete, ...rest }) => rest),
    host,
  };
}

function subject(report: StatusReport, { name }: Wanted): unknown {
  return name === undefined ? report : requireSandbox(report, name);
}

function render(report: StatusReport, io: Io, wanted: Wanted): string {
  if (wanted.isJson) return jsonText(subject(report, wanted));
  const safe = printableReport(report);
  const view = viewOf(io);
  return wanted.name === undefined ? renderStatus(safe, view) : renderSandbox(requireSandbox(safe, wanted.name), view);
}

/** How text for people is laid out on this output. */
export function viewOf(io: Io): View {
  const width = io.stdout.isTTY ? io.stdout.columns : undefined;
  return { paint: painter(io.stdout, io), now: io.clock.now(), width };
}
