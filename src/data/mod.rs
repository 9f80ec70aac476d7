//! Host arrays of cases, checked when read: idx, npy, csv and the bundled sets.
