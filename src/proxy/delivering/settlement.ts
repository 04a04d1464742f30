/** An app's basic.ack, basic.reject and basic.nack of deliveries with tags in a row. */
export interface Settlement {
  how: 'ack' | 'reject' | 'nack';
  /** 0: all up to `to` */
  from: number;
  /** 0, as `from`: all so far */
  to: number;
  requeue: boolean;
}
