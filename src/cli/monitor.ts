import type { MonitorApi, MonitorReport } from '../controller/monitor-api.ts';
import { connectRunning } from './connect.ts';
import type { Io } from './io.ts';
import { MonitorHistory, type Seen } from './monitor-history.ts';
import { findWatched, targetOf } from './monitor-target.ts';
import { jsonLine, jsonText, printableReport } from './printable.ts';
import { renderMonitor } from './render-monitor.ts';
import { openScreen, type Screen } from './screen.ts';
import { painter } from './style.ts';
import type { Verb } from './verb.ts';

/** Between the two looks that one picture takes: rates are what happened between them. */
const onceMs = 1_000;

/** `coi monitor` */
export const monitor: Verb = async ({ io, args: [word], options }) => {
  const api = await connectRunning(io);
  const { name } = await findWatched(io, targetOf(word, options), await api.status());
  const isJson = options['json'] === true || options['format'] === 'json';
  const everyMs = options['watch'] as number | undefined;
  const sight: Sight = { api, io, name };
  if (isJson) await (everyMs === undefined ? showJson(sight) : followJson(sight, everyMs));
  else await (everyMs === undefined ? showOnce(sight) : follow(sight, everyMs));
  return 0;
};

interface Sight {
  readonly api: MonitorApi;
  readonly io: Io;
  readonly name: string;
}

async function showJson({ api, io, name }: Sight): Promise<void> {
  io.stdout.write(jsonText(await api.monitor({ name })));
}

/** Goes on until the signal aborts. */
async function followJson({ api, io, name }: Sight, everyMs: number): Promise<never> {
  for (;;) {
    io.stdout.write(jsonLine(await api.monitor({ name })));
    await io.clock.sleep(everyMs, io.signal);
  }
}

async function showOnce({ api, io, name }: Sight): Promise<void> {
  const history = new MonitorHistory();
  history.add(await api.monitor({ name }));
  await io.clock.sleep(onceMs, io.signal);
  const report = await api.monitor({ name });
  const columns = io.stdout.isTTY ? io.stdout.columns : undefined;
  const lines = render(io, { report, seen: history.add(report) }, { columns, rows: undefined });
  io.stdout.write(`${lines.join('\n')}\n`);
}

/** Goes on until the signal aborts, which also leaves the screen as it was. */
async function follow({ api, io, name }: Sight, everyMs: number): Promise<never> {
  const history = new MonitorHistory();
  let last: Picture | undefined;
  // What can fail at once does so where it can be read.
  const first = await api.monitor({ name });
  using screen = openScreen(io);
  const draw = () => {
    if (last) screen.draw(render(io, last, screen));
  };
  using _resize = screen.rows === undefined ? undefined : io.terminal?.onResize(draw);
  for (let report = first; ; report = await api.monitor({ name })) {
    last = { report, seen: history.add(report) };
    draw();
    await io.clock.sleep(everyMs, io.signal);
  }
}

interface Picture {
  readonly report: MonitorReport;
  readonly seen: Seen;
}

function render(io: Io, { report, seen }: Picture, { columns, rows }: Pick<Screen, 'columns' | 'rows'>): string[] {
  const view = { paint: painter(io.stdout, io), now: io.clock.now(), width: columns, height: rows };
  return renderMonitor(printableReport(report), seen, view);
}
