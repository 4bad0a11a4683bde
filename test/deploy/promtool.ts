import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { AlertCase, Series } from './alert-cases.ts';

const run = promisify(execFile);

export const rulesFile = resolve('deploy/prometheus/coi.rules.yml');
export const configFile = resolve('deploy/prometheus/prometheus.yml');

/** Run promtool; what it says when it fails is the error's text. */
export async function promtool(args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run('promtool', args, { encoding: 'utf8' });
    return stdout;
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (code === 'ENOENT') throw new Error('There is no promtool. Run test/deploy/install as root', { cause: error });
    throw new Error(`promtool ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
  }
}

/** Let promtool evaluate the rules over the series of cases. @throws with promtool's words where one is not as it says */
export async function testAlerts(cases: readonly AlertCase[], rules = rulesFile): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'coi-rules-'));
  try {
    const paths: string[] = [];
    for (const [step, some] of Map.groupBy(cases, (each) => each.step ?? '1m')) {
      const path = join(dir, `every-${step}.yml`);
      const tests = some.flatMap((each) => [asTest(each, 'firing'), asTest(each, 'quiet')]);
      // JSON is YAML.
      await writeFile(path, JSON.stringify({ rule_files: [rules], evaluation_interval: step, tests }));
      paths.push(path);
    }
    await promtool(['test', 'rules', ...paths]);
  } finally {
    await rm(dir, { recursive: true });
  }
}

function asTest({ alert, at, step = '1m', ...series }: AlertCase, which: 'firing' | 'quiet') {
  return {
    name: `${alert} ${which}`,
    interval: step,
    input_series: asInput(series[which]),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
        eval_time: at,
        exp_samples: which === 'firing' ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  };
}

function asInput(series: Series) {
  return Object.entries(series).map(([name, values]) => ({ series: name, values }));
}
