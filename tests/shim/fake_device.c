/* Libraries that --device must refuse: FAKE_VERSION one of another version of model/device.h, else one that is no device's. */
#include <stdint.h>

int fake_device_is_none(void);

int fake_device_is_none(void)
{
    return 0;
}

#ifdef FAKE_VERSION
struct fake {
    uint32_t version, bytes;
    const char *name;
    void *unused;
};

const struct fake *chorale_device_api(void);

const struct fake *chorale_device_api(void)
{
    static const struct fake fake = { 7, sizeof fake, "fake", 0 };
    return &fake;
}
#endif
