export function provideRabbitmq4(): string;
export function rabbitmq4Root(): string;
