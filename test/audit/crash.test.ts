import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openAudit } from '../../src/audit/open-audit.ts';
import { readAudit } from '../../src/audit/read.ts';
import { verifyChain } from '../../src/audit/verify.ts';

/** Writes records as fast as it can, in batches and durably, and says after each durable one that it is safe. */
const writer = `
  const [, audit, clock, dir, run] = process.argv;
  const { openAudit } = await import(audit);
  const { systemClock } = await import(clock);
  const log = await openAudit({ dir, clock: systemClock, maxBytes: 20_000 });
  for (let n = 1; ; n += 1) {
    log.append({ key: 'batch/' + run + '/' + n, kind: 'create', phase: 'succeeded', why: 'w'.repeat(300), actor: 'test' });
    await log.appendDurable({ key: 'durable/' + run + '/' + n, kind: 'delete', phase: 'started', why: 'w', actor: 'test' });
    process.stdout.write(n + '\\n');
  }
`;

test('a killed writer loses nothing that it was told is safe, and the chain goes on', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'coi-audit-crash-'));
  try {
    for (const stopAfter of [1, 7, 60, 200]) {
      const paths = [resolve('src/audit/open-audit.ts'), resolve('src/base/clock.ts'), dir, String(stopAfter)];
      const child = spawn(process.execPath, ['--input-type=module', '--eval', writer, ...paths], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let safe = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        safe = Number(line);
        if (safe === stopAfter) child.kill('SIGKILL');
      }
      if (child.signalCode === null) await once(child, 'exit');
      await using _ = await openAudit({ dir, clock: systemClock });
      expect(await verifyChain(dir)).toMatchObject({ ok: true });
      const keys = (await readAudit({ dir })).map(({ key }) => key);
      expect(safe).toBeGreaterThanOrEqual(stopAfter);
      expect(keys).toContain(`batch/${stopAfter}/${safe}`);
      expect(keys).toContain(`durable/${stopAfter}/${safe}`);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
