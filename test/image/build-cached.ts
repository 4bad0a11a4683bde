import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { findDefinition } from '../../src/image/find-definition.ts';
import { readDefinition } from '../../src/image/read-definition.ts';
import { recipeOf } from '../../src/image/recipe.ts';
import { bootstrapRecipe } from '../../src/image/bootstrap.ts';
import { openUplink } from '../lab/uplink.ts';
import { openDesk } from '../session/desk.ts';

// Builds one of our definitions with `coi build` in a lab of its own that reaches the package registries, and saves the image.
// Usage: node test/image/build-cached.ts NAME --hash | NAME OUTDIR

const [name = '', target = ''] = process.argv.slice(2);
if (target === '--hash') process.stdout.write(`${await hashOf(name)}\n`);
else await build(name, target);

/** Of everything the image is made from: its own definition, and those below it. */
async function hashOf(definitionName: string): Promise<string> {
  const nowhere = { etc: '/nonexistent', cwd: '/' };
  const definition = await readDefinition(await findDefinition(definitionName, nowhere));
  const bases = definition.bases.map(async (base) => {
    if (base.kind === 'definition') return await hashOf(base.name);
    return base.kind === 'packages' ? await bootstrapRecipe(new AbortController().signal) : JSON.stringify(base);
  });
  const below = createHash('sha256').update(JSON.stringify(await Promise.all(bases)));
  return recipeOf(definition, below.digest('hex'));
}

async function build(definitionName: string, dir: string): Promise<void> {
  await using desk = await openDesk('images', []);
  await using _uplink = await openUplink(desk.lab);
  const began = performance.now();
  const { stdout, stderr, exitCode } = await desk.coi('/', ['build', definitionName, '--format', 'json'], {
    timeoutMs: 3_600_000,
  });
  if (exitCode !== 0) throw new Error(`${stdout}\n${stderr}`);
  process.stderr.write(`${stderr}\n${stdout}\n${Math.round((performance.now() - began) / 1_000)} s in all\n`);
  const { alias } = JSON.parse(stdout) as { alias: string };
  await desk.lab.inside.output(['incus', 'image', 'export', alias, join(dir, 'image')], { timeoutMs: 600_000 });
}
