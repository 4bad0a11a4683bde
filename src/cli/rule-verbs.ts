import { formatFlag } from './parse-argv.ts';
import type { VerbSpec } from './verb.ts';

const format = formatFlag('text', 'json');
const places =
  'Rules are those of coi, then *.toml in /etc/coi/rules, which add rules, replace them by their\n' +
  'ids, and change them: [change."ID"] enabled = false.';

/** `coi rules`: what sandboxes are watched for. */
export const ruleVerbs: readonly VerbSpec[] = [
  {
    name: 'rules list',
    args: '',
    about: 'List what sandboxes are watched for',
    detail: places,
    example: 'coi rules list',
    flags: [format],
    load: async () => (await import('./rules-list.ts')).rulesList,
  },
  {
    name: 'rules test',
    args: '[id...]',
    about: 'Try rules on their own examples',
    detail: 'Without an id: all of them. Exit codes: 0 all came out as they should, 1 not.',
    example: 'coi rules test shell.netcat-exec',
    flags: [format],
    load: async () => (await import('./rules-test.ts')).rulesTest,
  },
  {
    name: 'rules lint',
    args: '[file...]',
    about: 'Find what is wrong with files of rules',
    detail: `Without a file: all that are in force. Exit codes: 0 nothing is wrong, 1 something is.\n${places}`,
    example: 'coi rules lint',
    flags: [format],
    load: async () => (await import('./rules-lint.ts')).rulesLint,
  },
];
