import { Problem } from '../base/problem.ts';
import type { ParsedManifests, SourceFile } from '../source/source.ts';
import { mergeFiles } from '../spec/merge-files.ts';
import { parseManifestFile } from '../spec/parse-manifests.ts';
import type { ImageManifest } from '../spec/declared-image.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Settings } from '../spec/settings.ts';
import type { ManifestText } from './control-api.ts';

/** Reads manifest text with the settings of the host below it. */
export class ManifestReader {
  readonly #settings: Settings['layer'];
  readonly #origins: Settings['origins'];

  constructor(settings: Settings) {
    this.#settings = settings.layer;
    this.#origins = settings.origins;
  }

  /** One file of a directory source. */
  declared({ path: file, text, owner, source }: SourceFile): ParsedManifests {
    return parseManifestFile({
      file,
      text,
      source,
      home: owner.home,
      uid: owner.uid,
      settings: this.#settings,
      origins: this.#origins,
    });
  }

  /** One file of the session source: complete, so settings do not reach it. */
  session({ path: file, text, owner, source }: SourceFile): ParsedManifests {
    return parseManifestFile({ file, text, source, home: owner.home, uid: owner.uid, settings: {}, kind: 'session' });
  }

  /** Files that a command brings along, for a user's session source. All problems of all of them, or none. */
  brought(
    files: readonly ManifestText[],
    { source, home, uid }: { source: string; home: string; uid: number },
  ): { manifests: readonly Manifest[]; problems: readonly Problem[] } {
    const parsed = files.map(({ file, text }) =>
      parseManifestFile({ file, text, source, home, uid, settings: this.#settings, origins: this.#origins }),
    );
    const { manifests, problems } = mergeFiles(parsed);
    return { manifests, problems: [...problems, ...parsed.flatMap(({ images }) => images.map(misplaced))] };
  }
}

/** What builds an image again and again is nobody's session. */
function misplaced({ name, position }: ImageManifest): Problem {
  return new Problem({
    code: 'spec.image-place',
    message: `image "${name}" can only be declared in a file of a directory that the controller reads`,
    hint: `Put its table there, such as in /etc/coi/desired/images.toml, or build it once: coi build ${name}`,
    position,
  });
}
