import { catalog, metricPrefix, type Definition } from '../../src/metrics/catalog.ts';

const foreign = new Set(['instance', 'job', 'le']);

/** What is wrong with the selectors of a PromQL expression: metrics, labels and values that the controller does not have. */
export function wrongSelectors(expression: string): string[] {
  return [...expression.matchAll(/\bcoi_(\w+)(?:\{((?:"[^"]*"|[^"}])*)\})?/g)].flatMap(
    ([whole, name = '', matchers]) => {
      const definition = definitionOf(name);
      if (!definition) return [`no metric ${metricPrefix}${name}`];
      return wrongMatchers(definition, matchers ?? '').map((reason) => `${reason} in ${whole}`);
    },
  );
}

/** Names of the controller's metrics in an expression. */
export function metricsIn(expression: string): string[] {
  return [...expression.matchAll(/\bcoi_\w+/g)].map(([name]) => name);
}

function definitionOf(name: string): Definition | undefined {
  const definitions: Readonly<Record<string, Definition>> = catalog;
  if (definitions[name]) return definitions[name];
  const base = definitions[name.replace(/_(?:bucket|sum|count)$/, '')];
  return base?.type === 'histogram' ? base : undefined;
}

function wrongMatchers({ labels }: Definition, matchers: string): string[] {
  return [...matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(
    ([, label = '', operator = '', value = '']) => {
      const known = labels[label];
      if (known === undefined) return foreign.has(label) ? [] : [`no label ${label}`];
      if (known === 'open') return [];
      const values = operator.endsWith('~') ? value.split('|') : [value];
      return values.filter((each) => !known.includes(each)).map((each) => `no value ${label}="${each}"`);
    },
  );
}
