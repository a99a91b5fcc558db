//! Writing XDR into a buffer of fixed size: no allocation, no growth, zero padding whatever was there before.

/// The buffer has no room for what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room left in the buffer")]
pub struct Full;

/// A cursor over a caller's buffer. After an error the position is as it was before the failed call.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    /// Starts at the buffer's first byte; what the buffer holds does not matter.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, at: 0 }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.at).unwrap_or_default()
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) -> Result<(), Full> {
        let slot = self.buffer.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut).ok_or(Full)?;
        *slot = bytes;
        self.at += N;
        Ok(())
    }

    /// One 32-bit word.
    #[inline]
    pub fn u32(&mut self, value: u32) -> Result<(), Full> {
        self.put(value.to_be_bytes())
    }

    /// Two words, the high one first.
    #[inline]
    pub fn u64(&mut self, value: u64) -> Result<(), Full> {
        self.put(value.to_be_bytes())
    }

    /// Bytes of a length that the reader knows, zero padded to a multiple of 4.
    #[inline]
    pub fn fixed(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let room = self.buffer.get_mut(self.at..).ok_or(Full)?;
        let room = room.get_mut(..bytes.len().next_multiple_of(4)).ok_or(Full)?;
        let (data, padding) = room.split_at_mut(bytes.len());
        data.copy_from_slice(bytes);
        padding.fill(0);
        self.at += room.len();
        Ok(())
    }

    /// A length word, then the bytes, zero padded.
    #[inline]
    pub fn opaque(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let start = self.at;
        self.u32(u32::try_from(bytes.len()).map_err(|_| Full)?)?;
        self.fixed(bytes).inspect_err(|_| self.at = start)
    }

    /// The same of bytes that lie in several places.
    #[inline]
    pub fn opaque_of(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let word = u32::try_from(length).map_err(|_| Full)?;
        let room = self.buffer.get_mut(self.at..).ok_or(Full)?;
        let room = room.get_mut(..4 + length.next_multiple_of(4)).ok_or(Full)?;
        self.at += room.len();
        let (slot, mut rest) = room.split_at_mut(4);
        slot.copy_from_slice(&word.to_be_bytes());
        for part in parts {
            let (here, behind) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = behind;
        }
        rest.fill(0);
        Ok(())
    }

    /// A tag, the length in bytes of what `body` writes, and that. Nothing is left behind when `body` fails.
    #[inline]
    pub fn element(
        &mut self,
        tag: u32,
        body: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let start = self.at;
        let write = || {
            self.u32(tag)?;
            self.u32(0)?;
            let first = self.at;
            body(self)?;
            let length = u32::try_from(self.at - first).map_err(|_| Full)?;
            self.patch(first - 4, length);
            Ok(())
        };
        write().inspect_err(|_| self.at = start)
    }

    /// A tag, the length of a body that is already encoded, the body, and its padding, which does not count.
    pub fn element_of(&mut self, tag: u32, body: &[u8]) -> Result<(), Full> {
        let start = self.at;
        self.u32(tag)?;
        self.opaque(body).inspect_err(|_| self.at = start)
    }

    /// Replaces a word that was written before.
    pub(crate) fn patch(&mut self, at: usize, value: u32) {
        debug_assert!(at + 4 <= self.at, "only written words are patched");
        if let Some(slot) = self.buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *slot = value.to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_whatever_the_buffer_held() {
        for dirt in [0xA5, 0xFF] {
            for length in 0..9 {
                let mut buffer = [dirt; 16];
                let mut out = Writer::new(&mut buffer);
                out.opaque(&vec![7; length]).unwrap();
                let padded = out.len();
                assert_eq!(padded, 4 + length.next_multiple_of(4));
                assert!(buffer[4 + length..padded].iter().all(|&b| b == 0), "{length} bytes in {dirt:#x}");
            }
        }
    }

    #[test]
    fn parts_are_written_as_the_whole() {
        let whole: Vec<u8> = (1..=11).collect();
        for length in 0..=whole.len() {
            for (first, second) in
                (0..=length).flat_map(|second| (0..=second).map(move |first| (first, second)))
            {
                let (mut one, mut other) = ([0xA5; 16], [0xFF; 16]);
                let (mut out, mut again) = (Writer::new(&mut one), Writer::new(&mut other));
                out.opaque(&whole[..length]).unwrap();
                again.opaque_of(&[&whole[..first], &whole[first..second], &whole[second..length]]).unwrap();
                assert_eq!(again.written(), out.written());
            }
        }
    }

    #[test]
    fn a_failed_write_leaves_the_position_where_it_was() {
        let mut buffer = [0; 11];
        let mut out = Writer::new(&mut buffer);
        out.u32(1).unwrap();
        assert_eq!(out.opaque(b"abcd"), Err(Full));
        assert_eq!(out.opaque_of(&[b"ab", b"cd"]), Err(Full));
        assert_eq!(out.u64(2), Err(Full));
        assert_eq!(out.element(9, |out| out.u32(3)), Err(Full));
        assert_eq!(out.written(), [0, 0, 0, 1]);
        assert_eq!(out.opaque(&[]), Ok(()));
        assert_eq!(out.len(), 8);
    }
}
