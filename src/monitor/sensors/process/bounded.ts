/** Most words of a program that are told, and how long one and all of them may be, in characters. */
const [mostWords, longestWord, longestInAll] = [64, 4_096, 16_384];

/** Words within bounds, and whether something is missing. */
export function boundedWords(
  words: readonly string[],
  inAll = longestInAll,
): { readonly words: string[]; readonly isCut: boolean } {
  const kept: string[] = [];
  let left = inAll;
  for (const word of words.slice(0, mostWords)) {
    if (left <= 0) break;
    kept.push(word.slice(0, Math.min(longestWord, left)));
    left -= word.length;
  }
  const isWhole = kept.length === words.length && kept.every((word, index) => word.length === words[index]!.length);
  return { words: kept, isCut: !isWhole };
}
