/* Texts of formats as the kernel has them. */
#ifndef DDI_DMA_C_FORMAT_H
#define DDI_DMA_C_FORMAT_H

#include <stdarg.h>

/*
 * The text of a format of the C library's, or of one with `%b`: an int, and a string that names its bits (cmn_err(9F)).
 * free() takes it back. NULL where there is no memory.
 */
extern char *ddi_dma_c_format(const char *format, va_list ap) __attribute__((visibility("hidden")));

#endif /* DDI_DMA_C_FORMAT_H */
