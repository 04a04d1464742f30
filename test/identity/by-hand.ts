import { bits, long, method, PROTOCOL, short, table, u16, u32 } from '../../testing/wire.ts';

/** What an app says before its first publish on channels 1 and 2, all at once. */
export const opened = (frameMax = 131_072, user = 'guest'): Buffer =>
  Buffer.concat([
    PROTOCOL,
    method(0, 10, 11, table([]), short('PLAIN'), long(`\0${user}\0guest`), short('en_US')),
    method(0, 10, 31, u16(2047), u32(frameMax), u16(0)),
    method(0, 10, 40, short('/'), short(''), bits(false)),
    method(1, 20, 10, short('')),
    method(2, 20, 10, short('')),
  ]);

/** What lets the app in. */
export const openOk = method(0, 10, 41, short(''));

export const publish = (channel = 1, key = 'key', mandatory = false): Buffer =>
  method(channel, 60, 40, u16(0), short('ex'), short(key), bits(mandatory, false));

export const returned = (channel = 1, key = 'key'): Buffer =>
  method(channel, 60, 50, u16(312), short('NO_ROUTE'), short('ex'), short(key));
