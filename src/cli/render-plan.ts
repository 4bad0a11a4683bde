import { escapePathComponent, unescapePathComponent, type Operation } from 'fast-json-patch';
import type { PlanReport } from '../controller/control-api.ts';
import { plural } from './plural.ts';
import { stepText } from './render-sandbox.ts';
import type { Paint, Style } from './style.ts';

/** Whether something about a sandbox is not as declared, also where nothing can or may be done about it. */
export function hasChanges({ steps, patch, block }: PlanReport): boolean {
  return steps.length > 0 || patch.length > 0 || block !== undefined;
}

/** Whether a deletion waits for somebody to confirm it. */
export function isHeld({ block }: PlanReport): boolean {
  return block?.reason === 'Guarded' || block?.reason === 'NeedsConfirm';
}

/** Plans as people read them. They must be printable already. */
export function renderPlans(plans: readonly PlanReport[], paint: Paint): string {
  const changed = plans.filter(hasChanges);
  const count = plural(plans.length, 'sandbox', 'sandboxes');
  const isPartial = plans.some(({ network }) => network === 'unknown');
  const unknown = isPartial ? '; network rules unknown' : '';
  if (changed.length === 0)
    return `Nothing to do${isPartial ? ' that can be seen' : ''}: ${count} as declared${unknown}\n`;
  const summary = `${changed.length} of ${count} would change${unknown}`;
  return `${changed.map((plan) => renderPlan(plan, paint)).join('\n')}\n${summary}\n`;
}

function renderPlan({ name, steps, patch, live, block }: PlanReport, paint: Paint): string {
  const lines = [
    `${paint('bold', name)}: ${steps.length === 0 ? 'no steps' : plural(steps.length, 'step')}`,
    ...steps.map(
      (step, index) => `  ${index + 1}. ${step.risk === 'safe' ? stepText(step) : paint('red', stepText(step))}`,
    ),
    ...patch.flatMap((operation) => renderOperation(operation, live, paint)),
    ...(block ? [`  Blocked (${block.reason}): ${block.message}`, ...(block.hint ? [`    ${block.hint}`] : [])] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const signs = { add: ['+', 'green'], remove: ['-', 'red'], replace: ['~', 'yellow'] } as const;

function renderOperation(operation: Operation, live: unknown, paint: Paint): string[] {
  const { op, path } = operation;
  if (op !== 'add' && op !== 'remove' && op !== 'replace') return [];
  if (op === 'add' && isTable(operation.value)) {
    const parts = Object.entries(operation.value);
    return parts.flatMap(([key, value]) =>
      renderOperation({ op, path: `${path}/${escapePathComponent(key)}`, value }, live, paint),
    );
  }
  const [sign, style]: readonly [string, Style] = signs[op];
  const before = op === 'add' ? [] : [JSON.stringify(valueAt(live, path))];
  const after = op === 'remove' ? [] : [JSON.stringify(operation.value)];
  return [paint(style, `  ${sign} ${path}: ${[...before, ...after].join(' -> ')}`)];
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(live: unknown, path: string): unknown {
  const keys = path.split('/').slice(1).map(unescapePathComponent);
  const found = keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], live);
  return found ?? null;
}
