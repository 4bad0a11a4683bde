import { describe, expect, it } from 'vitest';
import { MonitorHistory } from '../../src/cli/monitor-history.ts';
import { processTree } from '../../src/cli/process-tree.ts';
import { renderMonitor } from '../../src/cli/render-monitor.ts';
import { sparkline } from '../../src/cli/sparkline.ts';
import { renderSpans } from '../../src/cli/spans.ts';
import { renderTable } from '../../src/cli/table.ts';
import { cutText, padText, textWidth } from '../../src/cli/text-width.ts';
import { ago, monitorReport, now } from './reports.ts';

describe('the width of a text', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['日本語', 6],
    ['한국', 4],
    ['e\u0301', 1],
    ['👩‍👩‍👧', 2],
    ['🚀!', 3],
    ['\u001B[31mred\u001B[39m', 3],
    ['│ ├─ …', 6],
    ['カナ', 4],
    ['ｶﾅ', 2],
  ])('of %j is %d', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  it('is what a text is cut to, and filled up to', () => {
    expect(cutText('abcdef', 4)).toBe('abc…');
    expect(cutText('日本語', 4)).toBe('日…');
    expect(cutText('日本', 4)).toBe('日本');
    expect(cutText('abc', 0)).toBe('');
    expect(padText('日', 4)).toBe('日  ');
    expect(padText('abc', 2)).toBe('abc');
  });

  it('is that of columns in tables', () => {
    const text = renderTable({ head: ['A', 'B'], rows: [['日本', 'x'.repeat(40)]], width: 20 });
    expect(text.split('\n').filter((line) => textWidth(line) > 20)).toEqual([]);
  });
});

describe('a line of parts', () => {
  const paint = (style: string, text: string) => `<${style}:${text}>`;
  it('is cut before it is coloured', () => {
    const line = [{ text: 'abc', style: 'red' as const }, { text: 'def' }, { text: 'ghi', style: 'dim' as const }];
    expect(renderSpans(line, paint)).toBe('<red:abc>def<dim:ghi>');
    expect(renderSpans(line, paint, 5)).toBe('<red:abc>d…');
    expect(renderSpans(line, paint, 3)).toBe('<red:abc>');
    expect(renderSpans(line, paint, 2)).toBe('<red:a…>');
  });
});

describe('a graph', () => {
  it.each<[number[], number, number | undefined, string]>([
    [[0, 1, 2, 3, 4, 5, 6, 7], 8, undefined, '▁▂▃▄▅▆▇█'],
    [[5], 4, 10, '   ▅'],
    [[0, 0], 2, undefined, '▁▁'],
    [[1, 2, 3], 2, undefined, '▆█'],
    [[-1, NaN, Infinity, 1], 4, undefined, '▁▁▁█'],
    [[], 3, undefined, '   '],
    [[20], 1, 10, '█'],
  ])('of %j in %d columns', (values, columns, highest, line) => {
    expect(sparkline(values, columns, highest)).toBe(line);
  });
});

describe('a tree of processes', () => {
  const of = (...pairs: [number, number][]) => pairs.map(([pid, ppid]) => ({ pid, ppid }));
  const shown = (processes: ReturnType<typeof of>, most = 100, weight: (pid: number) => number = () => 0) =>
    processTree(processes, most, ({ pid }) => weight(pid)).map(({ process, stem }) => `${stem}${process.pid}`);

  it('has parents before their children', () => {
    expect(shown(of([4, 2], [2, 1], [3, 1], [5, 2], [1, 0]))).toEqual(['1', '├─ 2', '│  ├─ 4', '│  └─ 5', '└─ 3']);
  });

  it('has each once, whatever they say about each other', () => {
    expect(shown(of([1, 2], [2, 1], [3, 3], [4, 99]))).toEqual(['3', '4', '1', '└─ 2']);
  });

  it('keeps what weighs most, with its parents, where not all fit', () => {
    const processes = of([1, 0], [2, 1], [3, 2], [4, 1], [5, 1], [6, 1]);
    expect(shown(processes, 3, (pid) => (pid === 3 ? 9 : 0))).toEqual(['1', '└─ 2', '   └─ 3']);
    expect(shown(processes, 0)).toEqual([]);
  });

  it('does not go in without end', () => {
    const chain = of(...Array.from({ length: 400 }, (_, index): [number, number] => [index + 1, index]));
    const tree = shown(chain, 500);
    expect(tree).toHaveLength(400);
    expect(Math.max(...tree.map((line) => line.length))).toBeLessThan(60);
  });
});

describe('a picture', () => {
  const plain = (_: string, text: string) => text;
  const view = { paint: plain, now, width: 80, height: 24 };
  const look = (report = monitorReport) => new MonitorHistory().add(report);

  it.each([
    [80, 24],
    [40, 12],
    [200, 60],
    [20, 5],
    [1, 1],
  ])('fits into %d columns and %d lines', (width, height) => {
    const many = {
      ...monitorReport,
      sandbox: '日本'.repeat(30),
      threats: Array.from({ length: 40 }, () => monitorReport.threats[0]!),
      network: {
        ...monitorReport.network,
        connections: Array.from({ length: 200 }, () => monitorReport.network.connections[0]!),
      },
      processes: {
        ...monitorReport.processes,
        total_count: 900,
        processes: Array.from({ length: 500 }, (_, index) => ({
          ...monitorReport.processes.processes[0]!,
          pid: index + 2,
          ppid: Math.floor(index / 3),
          command: '長'.repeat(100),
        })),
      },
    };
    const lines = renderMonitor(many, look(many), { ...view, width, height });
    expect(lines.length).toBeLessThanOrEqual(height);
    expect(lines.filter((line) => textWidth(line) > width)).toEqual([]);
  });

  it('uses the whole height where there is more than fits, and shows some of each', () => {
    const connections = Array.from({ length: 50 }, () => monitorReport.network.connections[0]!);
    const report = {
      ...monitorReport,
      threats: Array.from({ length: 50 }, () => monitorReport.threats[0]!),
      network: { ...monitorReport.network, connections },
    };
    const lines = renderMonitor(report, look(report), { ...view, height: 40 });
    expect(lines).toHaveLength(40);
    expect(lines.filter((line) => /^… \d+ more$/.test(line))).toHaveLength(2);
    expect(lines.filter((line) => line.includes('node agent.js'))).toHaveLength(1);
  });

  it('says what holds it, what is not seen, and that nobody watches', () => {
    const report = {
      ...monitorReport,
      monitoring: false,
      quarantine: 'a reverse shell',
      errors: ['/proc is not there'],
    };
    const text = renderMonitor({ ...report, state: 'frozen' }, look(), view).join('\n');
    expect(text).toContain('web  frozen  10.77.0.12  not watched');
    expect(text).toContain(
      'In quarantine: a reverse shell\nLift it with: coi resume web\nNot seen: /proc is not there',
    );
  });

  it('of one that does not run has no processes', () => {
    const processes = { available: false, total_count: 0, processes: [] };
    const report = { ...monitorReport, processes, threats: [], state: 'stopped' };
    const text = renderMonitor(report, look(report), view).join('\n');
    expect(text).toContain('PROCESSES\ncannot be looked at');
    expect(text).toContain('DETECTIONS\nnone');
  });
});

describe('what follows from two looks', () => {
  const later = (changes: object) => ({ ...monitorReport, timestamp: ago(-2), ...changes });

  it('is the use of processors, all in all and by process', () => {
    const history = new MonitorHistory();
    expect(history.add(monitorReport).cpuByPid).toEqual(new Map());
    const resources = { ...monitorReport.resources, cpu_time_seconds: 103 };
    const { looks, cpuByPid } = history.add(
      later({
        resources,
        processes: {
          ...monitorReport.processes,
          processes: [{ pid: 4200, ppid: 1, user: '', command: '', env_access: false, cpu_time_seconds: 41 }],
        },
      }),
    );
    expect(looks.map(({ cpuPercent }) => cpuPercent)).toEqual([0, 150]);
    expect(cpuByPid).toEqual(new Map([[4200, 50]]));
  });

  it('is never less than nothing: counters begin anew when a sandbox does', () => {
    const history = new MonitorHistory();
    history.add(monitorReport);
    const { looks } = history.add(later({ resources: { ...monitorReport.resources, cpu_time_seconds: 1 } }));
    expect(looks.at(-1)?.cpuPercent).toBe(0);
  });

  it('is which connections are new, none of them at first', () => {
    const history = new MonitorHistory();
    const [first, ...others] = monitorReport.network.connections;
    history.add({ ...monitorReport, network: { ...monitorReport.network, connections: others } });
    expect(history.add(monitorReport).looks.map((each) => each.newConnections)).toEqual([0, 1]);
    expect(first).toBeDefined();
  });

  it('is kept for as long as a wide terminal shows', () => {
    const history = new MonitorHistory();
    for (let count = 0; count < 500; count += 1) history.add(monitorReport);
    expect(history.add(monitorReport).looks).toHaveLength(240);
  });
});
