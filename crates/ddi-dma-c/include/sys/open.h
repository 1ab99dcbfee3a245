/* How a device is opened and closed: the `otyp` of open(9E) and close(9E). */
#ifndef DDI_DMA_SYS_OPEN_H
#define DDI_DMA_SYS_OPEN_H

#define OTYPCNT 5
#define OTYP_BLK 0
#define OTYP_MNT 1
#define OTYP_CHR 2
#define OTYP_SWP 3
#define OTYP_LYR 4

#endif /* DDI_DMA_SYS_OPEN_H */
