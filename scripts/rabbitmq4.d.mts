export function provideRabbitmq4(): string;
