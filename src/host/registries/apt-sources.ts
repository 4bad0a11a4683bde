/**
 * URIs in a one-line file of apt's sources: those of `deb` and `deb-src`, whatever options stand in brackets.
 * @see sources.list(5)
 */
export function urisInList(text: string): string[] {
  return [...text.matchAll(/^[ \t]*deb(?:-src)?[ \t]+(?:\[[^\]\n]*\][ \t]*)?([^\s#]+)/gm)].map(([, uri]) => uri!);
}

/**
 * URIs in a deb822 file of apt's sources, without those of stanzas that are switched off.
 * @see sources.list(5), deb822(5)
 */
export function urisInStanzas(text: string): string[] {
  const withoutComments = text.replaceAll(/^#.*\n?/gm, '');
  return withoutComments.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const fields = new Map(
      [...stanza.matchAll(/^([^\s:]+):(.*(?:\n[ \t].*)*)/gm)].map(([, name, value]) => [name!.toLowerCase(), value!]),
    );
    if (/^(?:no|false|without|off|disable|0)$/i.test(fields.get('enabled')?.trim() ?? '')) return [];
    return fields.get('uris')?.split(/\s+/).filter(Boolean) ?? [];
  });
}

/** Mirrors in a list that a `mirror+file:` source names: the first word of each line. See apt-transport-mirror(1). */
export function urisInMirrorList(text: string): string[] {
  return text.split('\n').flatMap((line) => /^[^\s#]+/.exec(line)?.[0] ?? []);
}
