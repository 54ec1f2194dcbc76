// What people read: the catalogue of both viewers, and the sentences that only a page has.

import { FluentBundle, FluentResource } from '@fluent/bundle';
import sharedEn from '../../texts/en.ftl?raw';
import sharedJa from '../../texts/ja.ftl?raw';
import ownEn from '../texts/en.ftl?raw';
import ownJa from '../texts/ja.ftl?raw';

export type Language = 'ja' | 'en';

/** Japanese, unless the browser asks for another language first. */
export function languageOf(preferred: readonly string[]): Language {
  const first = preferred.find((language) => /^(ja|en)\b/i.test(language));
  return first?.toLowerCase().startsWith('en') ? 'en' : 'ja';
}

export class Texts {
  private readonly bundle: FluentBundle;

  constructor(readonly language: Language) {
    this.bundle = new FluentBundle(language, { useIsolating: false });
    for (const text of language === 'ja' ? [sharedJa, ownJa] : [sharedEn, ownEn]) {
      this.bundle.addResource(new FluentResource(text));
    }
  }

  /** The sentence with this id; one that is missing shows its id, which a test finds. */
  say(id: string, parts: Record<string, string | number> = {}): string {
    const message = this.bundle.getMessage(id)?.value;
    return message ? this.bundle.formatPattern(message, parts) : id;
  }
}
