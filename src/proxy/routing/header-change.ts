import { copyBytes } from '../../amqp/bytes.ts';
import { type ContentHeader, MARKED } from '../../amqp/content.ts';
import type { HeaderEdit } from '../ports/interceptor.ts';
import type { HeaderChange } from './treatment.ts';

/** Adds what a rule says to the edit of the publish at hand, whose content header was just read. */
export function changeHeaders({ add, remove, replace }: HeaderChange, header: ContentHeader, edit: HeaderEdit): void {
  for (const name of remove) if (header.mark(name)) edit.remove |= MARKED;
  for (const { name, entry } of add) {
    if (replace) {
      if (header.mark(name)) edit.remove |= MARKED;
    } else if (header.find(name) >= 0) continue;
    edit.added = copyBytes(entry, 0, entry.length, edit.entries, edit.added);
  }
}
