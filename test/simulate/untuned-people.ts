/**
 * People whom the rules were not made with: written after them, and measured as they are. Whoever
 * changes a rule on account of one of these moves the row to `people.ts`.
 */
import { type Persona, persona } from './persona.ts';

export const UNTUNED_PEOPLE = {
  'flight-crew': persona(1.5, 1.5, [4, 12], 'Another city, hotel and network each day.', {
    network: 'travel',
    reportsWithinDays: 1,
    renews: true,
  }),
  refurbished: persona(1.5, 0.2, [2, 6], 'A refurbished phone: three accounts in a month before.', {
    accountsBefore: 3,
    platform: 'android',
  }),
  'repair-shop': persona(0.5, 1, [3, 6], 'Tries each repaired phone with the shop’s account.', {
    reinstallsEveryDays: 1,
    changesPhone: true,
    network: 'shop',
  }),
  'beta-tester': persona(1.5, 1, [4, 14], 'Has the next version of the app, on a beta system.', {
    ownVersion: true,
    attestationFails: 30,
    reinstallsEveryDays: 5,
    restoresBackups: true,
    signals: ['developer_mode'],
  }),
  'qa-lab': persona(
    1,
    2,
    [14, 24],
    'Automatic tests each night: installed anew, all that is listed.',
    {
      network: 'lab',
      reinstallsEveryDays: 1,
      phones: 3,
      firstModels: [14, 24],
      signals: ['developer_mode', 'emulator', 'debugger'],
      deaf: true,
    },
  ),
  'hotel-guest': persona(2, 0.4, [2, 7], 'Hundreds behind a hotel’s address, for some days each.', {
    network: 'hotel',
  }),
  upgrader: persona(3, 0.3, [3, 9], 'Everybody has the new phone on one weekend.', {
    known: true,
    newPhoneOnDay: 33,
    network: 'carrier',
  }),
  'vpn-always': persona(2, 0.3, [2, 7], 'Behind the exits of a VPN, which thieves use, too.', {
    network: 'vpn',
  }),
  'wrong-clock': persona(1, 0.3, [2, 6], 'A phone whose clock is a year behind.', {
    clockOffDays: -400,
  }),
  'deaf-app': persona(1, 0.5, [6, 12], 'An app that asks on at once, whatever it is told.', {
    deaf: true,
    firstModels: [6, 10],
  }),
  'exchange-student': persona(1, 0.3, [6, 10], 'Erases the account, and begins anew abroad.', {
    erasesOnDay: 28,
    network: 'travel',
    firstModels: [4, 7],
  }),
} satisfies Record<string, Persona>;
