import type { Count, Outcome } from './outcome.ts';
import { modeNames, type Spot, type Technique } from './technique.ts';
import Table from 'cli-table3';

/** What is printed of one technique: bytes sent, and bytes by spot where it arrived. */
function cell(sent: Count | undefined, arrived: ReadonlyMap<Spot, Count> | undefined): string {
  const parts = [...(arrived ?? [])].map(([spot, { bytes }]) => `${spot} ${bytes}`);
  return `${sent?.bytes ?? 0} → ${parts.join(', ') || '0'}`;
}

/** Every technique in every mode, and without any isolation. */
export function renderTable(techniques: readonly Technique[], guarded: Outcome, bare: Outcome): string {
  const head = ['technique: bytes sent → bytes arrived', ...modeNames, 'nothing in the way'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const [number, { name }] of techniques.entries()) {
    const cells = modeNames.map((_, guest) => {
      const key = `${number} ${guest}`;
      return cell(guarded.sent.get(key), guarded.arrived.get(key));
    });
    table.push([
      `${number + 1} ${name}`,
      ...cells,
      cell(bare.sent.get(`${number} 0`), bare.arrived.get(`${number} 0`)),
    ]);
  }
  return table.toString();
}
