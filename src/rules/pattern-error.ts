/** A pattern, or what refers to one, that can't be used; the message continues "routingKey: …". */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}
