export type Paper = 'A4' | 'Letter';
