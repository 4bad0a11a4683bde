import { Problem } from '../../base/problem.ts';
import { runExamples } from './examples.ts';
import type { Rule } from './rule.ts';

/** What is wrong with a rule beyond what keeps it from being used: no proof that it works, or proof that it does not. */
export function lintRule(rule: Rule): Problem[] {
  const problems: Problem[] = [];
  const report = (code: string, message: string, hint: string) =>
    problems.push(new Problem({ code, message: `rule "${rule.about.id}" ${message}`, hint, position: rule.position }));
  for (const wanted of [true, false]) {
    if (!rule.examples.some(({ matches }) => matches === wanted)) {
      const what = wanted ? 'matches' : 'does not match';
      report('rules.no-example', `has no example that it ${what}`, `Add [[rule.example]] with matches = ${wanted}.`);
    }
  }
  if (!rule.attack)
    report('rules.no-attack', 'does not say what triggers it', 'Add [rule.attack] with script or argv.');
  for (const { number, wanted, matched } of runExamples(rule).filter((each) => each.wanted !== each.matched)) {
    const what = matched ? 'matches' : 'does not match';
    report('rules.example', `${what} its example ${number}`, `Correct the condition, or say matches = ${!wanted}.`);
  }
  const acts = ['network', 'freeze', 'kill'].includes(rule.about.response ?? '');
  if (acts && rule.about.maturity !== 'stable') {
    report(
      'rules.maturity',
      'asks for more than an alert and is not stable',
      'Rules that are not stable only log and alert.',
    );
  }
  return problems;
}
