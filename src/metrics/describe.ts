import { catalog, metricPrefix, type Definition } from './catalog.ts';

/** The catalog as a Markdown document, for deploy/prometheus/METRICS.md. */
export function describeMetrics(): string {
  const rows = Object.entries<Definition>(catalog).map(
    ([name, { type, help, labels }]) =>
      `| \`${metricPrefix}${name}\` | ${type} | ${describeLabels(labels)} | ${help} |`,
  );
  return [
    '# Metrics',
    '',
    'Served on `/metrics` in the text format of Prometheus. Labels with a listed set of values have all their series from the',
    'start, with 0; the others appear with their first event. Only `coi_sandbox_info` has a series per sandbox.',
    '',
    '| name | type | labels | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function describeLabels(labels: Definition['labels']): string {
  return Object.entries(labels)
    .map(([name, values]) => (values === 'open' ? `\`${name}\`` : `\`${name}\`: ${values.join(', ')}`))
    .join('; ');
}
