import type { Rule } from '../monitor/rules/rule.ts';
import type { Severity } from '../monitor/severity.ts';
import { exitCodes } from './failure.ts';
import { loadOwnRules, warnOfRules } from './own-rules.ts';
import { jsonText, printable } from './printable.ts';
import { painter, type Style } from './style.ts';
import { renderTable } from './table.ts';
import type { Verb } from './verb.ts';

const colours: Readonly<Record<Severity, Style>> = { info: 'dim', warning: 'yellow', high: 'red', critical: 'red' };

/** `coi rules list` */
export const rulesList: Verb = async ({ io, options }) => {
  const loaded = await loadOwnRules(io);
  warnOfRules(loaded, io);
  const { rules } = loaded.rules;
  if (options['format'] === 'json') {
    io.stdout.write(jsonText(rules.map(reportRule)));
    return exitCodes.done;
  }
  const paint = painter(io.stdout, io);
  const rows = rules.map(({ about, event, enabled, isBuiltIn }) => [
    printable(about.id),
    enabled ? paint(colours[about.severity], about.severity) : paint('dim', 'off'),
    about.response ?? '',
    event,
    about.mitre,
    about.maturity,
    isBuiltIn ? 'coi' : 'own',
    printable(about.title),
  ]);
  const head = ['ID', 'SEVERITY', 'RESPONSE', 'EVENT', 'MITRE', 'MATURITY', 'FROM', 'TITLE'];
  io.stdout.write(renderTable({ head, rows, width: io.stdout.isTTY ? io.stdout.columns : undefined }));
  return exitCodes.done;
};

/** A rule as scripts know it. */
function reportRule({ about, description, event, enabled, isBuiltIn, position }: Rule) {
  const { response, ...rest } = about;
  const place = { file: position.file, line: position.line };
  return {
    ...rest,
    description,
    event,
    ...(response !== undefined && { response }),
    enabled,
    built_in: isBuiltIn,
    ...place,
  };
}
