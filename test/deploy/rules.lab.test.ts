import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alertCases } from './alert-cases.ts';
import { dashboardQueries } from './dashboard.ts';
import { configFile, promtool, rulesFile, testAlerts } from './promtool.ts';
import { metricsIn, wrongSelectors } from './selectors.ts';

const rules = await readFile(rulesFile, 'utf8');
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
const expressions = [...rules.matchAll(/^ +expr: '(.*)'$/gm)].map(([, text]) => text!.replaceAll("''", "'"));

describe('deploy/prometheus', () => {
  test('is accepted by promtool', async () => {
    expect(await promtool(['check', 'rules', rulesFile])).toContain(`${alerts.length} rules found`);
    expect(await promtool(['check', 'config', configFile])).toContain('SUCCESS');
  });

  test('says with every alert what is so, what it means and what to do', () => {
    expect(alerts.length).toBeGreaterThan(20);
    for (const field of ['summary', 'description', 'runbook', 'severity']) {
      expect(rules.match(new RegExp(`^ +${field}: '?\\S.*$`, 'gm'))).toHaveLength(alerts.length);
    }
  });

  test('has a case for every alert, and no other', () => {
    expect([...new Set(alertCases.map(({ alert }) => alert))].sort()).toEqual([...alerts].sort());
  });

  test('fires each alert when it should, and not when it nearly should', async () => {
    await expect(testAlerts(alertCases)).resolves.toBeUndefined();
  });

  test.each([
    ['never', 'vector(1) > 2'],
    ['always', 'vector(1)'],
  ])('has cases that notice an alert that %s fires', async (_, expression) => {
    const dir = await mkdtemp(join(tmpdir(), 'coi-rules-'));
    try {
      const path = join(dir, 'rules.yml');
      await writeFile(path, rules.replaceAll(/^( +expr: )'.*'$/gm, `$1'${expression}'`));
      const said = await testAlerts(alertCases, path).catch(String);
      expect(alerts.filter((alert) => !said?.includes(`\\"${alert}\\"`))).toEqual([]);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('selectors', () => {
  const series = alertCases.flatMap(({ firing, quiet }) => [...Object.keys(firing), ...Object.keys(quiet)]);

  test.each([
    ['alerts', expressions],
    ['test cases', series],
    ['dashboard', dashboardQueries().map(({ expression }) => expression)],
  ])('of the %s name metrics, labels and values that there are', (_, texts) => {
    expect(texts.flatMap(metricsIn).length).toBeGreaterThan(20);
    expect(texts.flatMap(wrongSelectors)).toEqual([]);
  });

  test('are told from wrong ones', () => {
    expect(wrongSelectors('rate(coi_nothing_total[5m])')).toEqual(['no metric coi_nothing_total']);
    expect(wrongSelectors('coi_steps_total{kind="creation"}')).toEqual([
      'no value kind="creation" in coi_steps_total{kind="creation"}',
    ]);
    expect(wrongSelectors('coi_steps_total{type="create"}')).toEqual([
      'no label type in coi_steps_total{type="create"}',
    ]);
    expect(wrongSelectors('coi_sandboxes_bucket')).toEqual(['no metric coi_sandboxes_bucket']);
    expect(wrongSelectors('coi_sandboxes_stalled{reason=~"Guarded|Gone"}')).toHaveLength(1);
  });
});
