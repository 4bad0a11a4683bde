import type { StateFile } from './tool.ts';

/** What the pattern's group `id` holds in the path of the newest file that matches it; the later path wins a tie. */
export function newestMatch(files: readonly StateFile[], pattern: RegExp): string | undefined {
  const found = files.flatMap(({ path, modifiedAt }) => {
    const id = pattern.exec(path)?.groups?.['id'];
    return id === undefined ? [] : [{ id, path, modifiedAt }];
  });
  const inOrder = found.toSorted((a, b) => a.modifiedAt - b.modifiedAt || (a.path < b.path ? -1 : 1));
  return inOrder.at(-1)?.id;
}

/** A text as a pattern that matches nothing else. */
export function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
