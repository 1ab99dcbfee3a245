/* Notes to checkers of source code, which say nothing to a compiler. */
#ifndef DDI_DMA_SYS_NOTE_H
#define DDI_DMA_SYS_NOTE_H

#ifndef _NOTE
#define _NOTE(note)
#endif
#ifndef NOTE
#define NOTE(note)
#endif

#endif /* DDI_DMA_SYS_NOTE_H */
