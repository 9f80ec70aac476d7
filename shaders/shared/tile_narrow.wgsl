// A matrix product for few rows or columns, and for the smallest sizes: 16 x 16 outputs a workgroup.
// Needs shared/tile_loads.wgsl and shared/tile_split.wgsl.

const TILE: u32 = 16u;
const TILE_K: u32 = 64u;
const TEAMS: u32 = 16u;
