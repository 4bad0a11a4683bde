import { expect, it } from 'vitest';
import { programText } from '../../../src/host/bpftrace/program.ts';

const budgets = { exec: 1, file: 1, call: 1, stdio: 1, all: 1 };
const fieldsOf = (call: string) => (call === 'dup2' ? ['oldfd', 'newfd'] : undefined);

it('The program takes no socket that listens for one that carries commands', () => {
  const text = programText(fieldsOf, [], budgets);
  const families = text.split('\n').filter((line) => line.includes('$family == 2'));
  expect(families).toHaveLength(4);
  expect(families.filter((line) => !line.includes('__sk_common.skc_state != 10'))).toEqual([]);
});
